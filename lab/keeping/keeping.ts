// Teaches lessons to a model and asks it questions of common knowledge before and after: docs/studies/keeping.md.
//   node tools/run.mjs lab/keeping/keeping.ts MODEL QUEUE RESULTS
// QUEUE and RESULTS are JSON lines; a trial whose name is in RESULTS is not run again, and QUEUE may grow meanwhile.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { openNamedModel } from '../../src/cli/named-models.ts';
import { nodeWasmHost } from '../../src/cli/wasm-host.ts';
import { mixSeed } from '../../src/base/random.ts';
import { WasmDevice } from '../../src/device/wasm/wasm-device.ts';
import type { Device } from '../../src/device/device.ts';
import { Learner } from '../../src/gorp/learner.ts';
import { needsOf } from '../../src/gorp/method-plan.ts';
import { rateCourse, rateFactor } from '../../src/gorp/rate-schedule.ts';
import { type MethodName, planOf, withValues } from '../../src/methods/registry.ts';
import { Evaluator } from '../../src/run/evaluator.ts';
import type { EncodedTask } from '../../src/run/encoded-task.ts';
import { openNetwork, readTexts } from '../../src/run/open-network.ts';
import { readParameter } from '../../src/run/packed-blocks.ts';
import { protectedSample } from '../../src/run/protected-examples.ts';
import { RoundBatches } from '../../src/run/round-batches.ts';
import type { RunSettings, TrainingSettings } from '../../src/run/settings.ts';
import { spaceSamples } from '../../src/run/space-samples.ts';
import { startingMethod, startingTraining } from '../../src/run/starting-values.ts';
import { prepareTask } from '../../src/run/task-data.ts';
import { chosenTargets } from '../../src/run/model-modules.ts';
import { encodeFree } from '../../src/tasks/encode-free.ts';
import type { EncodedExample } from '../../src/tasks/fit.ts';
import { type CommonQuestion, isRight } from '../../src/tasks/common-questions.ts';
import { GENERAL_PROMPTS } from '../../src/tasks/general-prompts.ts';
import type { Example } from '../../src/tasks/task.ts';
import { trainingOrder, sizedBatch } from '../../src/tasks/batches.ts';
import type { ModelFiles } from '../../src/weights/model-folder.ts';
import { LESSONS } from './lessons.ts';
import { HALF_A, HALF_B } from './more-questions.ts';
import { MORE_PROMPTS } from './more-prompts.ts';

/** What is tried. */
interface Trial {
  name: string;
  method: MethodName;
  lessons?: string[];
  /** Values of the method that differ from those a pre-trained model starts with. */
  values?: Parameters<typeof withValues>[1];
  training?: Partial<TrainingSettings>;
  /** Which answers the protected prompts have, how many prompts, and from which list. */
  answers?: 'written' | 'own';
  prompts?: 'general' | 'more' | 'both';
  /** Rows of protected prompts that each step learns besides the lesson, with the base model's own answers. */
  replay?: number;
  half?: 'A' | 'B' | 'AB';
}

/** Tokens of an answer to a question, and to a general prompt. */
const ANSWER = 24;
const OWN_ANSWER = 48;

export async function main([model, queue, results]: string[]): Promise<number> {
  const files = await openNamedModel(model);
  for (;;) {
    const trials = linesIn<Trial>(queue);
    const done = new Set(linesIn<{ name: string }>(results).map(({ name }) => name));
    const next = trials.find(({ name }) => !done.has(name));
    if (next === undefined) {
      if (trials.some(({ name }) => name === 'end')) return 0;
      await new Promise((resolve) => setTimeout(resolve, 5000));
      continue;
    }
    if (next.name === 'end') return 0;
    try {
      const device = await WasmDevice.open(nodeWasmHost(Number(process.env['THREADS'] ?? 1)));
      try {
        await runTrial(device, files, next, results);
      } finally {
        await device.destroy();
      }
    } catch (thrown) {
      appendFileSync(results, `${JSON.stringify({ name: next.name, error: String((thrown as Error).stack) })}\n`);
    }
  }
}

const linesIn = <T>(path: string): T[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => JSON.parse(line) as T)
    : [];

async function runTrial(device: Device, model: ModelFiles, trial: Trial, results: string): Promise<void> {
  const began = Date.now();
  const { method: name, lessons = ['mails', 'plants'], half = 'A' } = trial;
  const start = startingMethod('org/model', name);
  const method = trial.values ? withValues(start, trial.values) : start;
  const training: TrainingSettings = {
    ...startingTraining('org/model'),
    ...{ epochs: 4, trainExamples: 0, testExamples: 0, promptForm: 'chat', evaluationBatchSize: 16 },
    ...trial.training,
  };
  const settings: RunSettings = { model: 'org/model', tasks: 'embedded', order: lessons, method, training };
  const known = await readTexts(model, { promptForm: 'chat', date: '2026-12-01T00:00:00' });
  const { tokenizer } = known;
  const opened = openNetwork(device, model, { sourceLength: training.sourceLength, targetLength: 128 }, known);
  const { network, storedName } = opened;
  const targets = chosenTargets(settings, network.shapes, opened.targets);
  const plan = planOf(method);
  const micro = (trial.replay ?? 0) > 0 ? 2 : 1;
  const learner = await Learner.create(
    device,
    network,
    plan,
    targets,
    { seed: training.seed, maxGradNorm: training.maxGradNorm, gradientAccumulation: micro, tasks: lessons.length },
    (parameter, packed) => readParameter(model, storedName(parameter), packed),
  );
  try {
    const host = {
      taskReader: () => () => Promise.reject(new Error('no files')),
      customTask: (of: string) => Promise.resolve(LESSONS.find((one) => one.name === of)),
    };
    const tasks: EncodedTask[] = [];
    for (const lesson of lessons) tasks.push(await prepareTask(host, lesson, settings, tokenizer, () => undefined));
    const test = (task: EncodedTask, answerLength: number) => {
      const evaluator = new Evaluator(device, network, learner, tokenizer, { ...training, answerLength }, Date.now);
      return evaluator.evaluate(task, () => Promise.resolve()).finally(() => evaluator.destroy());
    };
    const written = async (prompts: readonly string[], length: number): Promise<string[]> => {
      const examples = prompts.map((sentence): Example => ({ sentence, label: 'x' }));
      const asked = { ...GENERAL_PROMPTS, name: 'asked', train: [], test: examples };
      const task = await prepareTask(
        { ...host, customTask: () => Promise.resolve(asked) },
        'asked',
        { ...settings, order: ['x'], watch: ['asked'] },
        tokenizer,
        () => undefined,
      );
      return (await test(task, length)).answers.map(({ text }) => text);
    };
    const questions: readonly CommonQuestion[] = half === 'A' ? HALF_A : half === 'B' ? HALF_B : [...HALF_A, ...HALF_B];
    const all = [...HALF_A, ...HALF_B];
    const cached = new Map(
      linesIn<{ question: string; answer: string }>(`${results}.base`).map(({ question, answer }) => [
        question,
        answer,
      ]),
    );
    const ofBase = async (prompts: readonly string[], length: number): Promise<string[]> => {
      const open = prompts.filter((prompt) => !cached.has(prompt));
      const answers = open.length > 0 ? await written(open, length) : [];
      open.forEach((question, i) => {
        cached.set(question, answers[i]);
        appendFileSync(`${results}.base`, `${JSON.stringify({ question, answer: answers[i] })}\n`);
      });
      return prompts.map((prompt) => cached.get(prompt) ?? '');
    };
    const before = await ofBase(
      questions.map(({ question }) => question),
      ANSWER,
    );
    const wasRight = questions.map((one, i) => isRight(one, before[i], all));
    console.log(trial.name, 'right before', wasRight.filter(Boolean).length, 'of', questions.length, seconds(began));

    const samples = spaceSamples(method, network);
    const pairs =
      trial.prompts === 'more'
        ? MORE_PROMPTS
        : trial.prompts === 'both'
          ? [...GENERAL_PROMPTS.train, ...MORE_PROMPTS]
          : GENERAL_PROMPTS.train;
    const needsOwn = trial.answers === 'own' || (trial.replay ?? 0) > 0;
    const ownTexts = needsOwn
      ? await ofBase(
          pairs.map(({ sentence }) => sentence),
          OWN_ANSWER,
        )
      : [];
    const lengths = { sourceLength: training.sourceLength, answerLength: 128 };
    const own = needsOwn
      ? (
          await encodeFree(
            tokenizer,
            GENERAL_PROMPTS,
            pairs.map(({ sentence }, i) => ({ sentence, label: ownTexts[i] })),
            { ...lengths, answerLength: OWN_ANSWER },
          )
        ).encoded
      : [];
    if (needsOf(plan).protects !== undefined) {
      const protects =
        trial.answers === 'own' ? own : (await encodeFree(tokenizer, GENERAL_PROMPTS, pairs, lengths)).encoded;
      await learner.protect(
        protectedSample([protects], training, { ...samples, end: Math.max(samples.end, protects.length) }),
      );
      console.log('  protected', protects.length, seconds(began));
    }
    const after: unknown[] = [];
    for (const [i, task] of tasks.entries()) {
      const batches = new RoundBatches(
        settings,
        tasks,
        { number: i + 1, trains: [i], tests: [], testsWatched: false },
        samples,
      );
      await learner.beginTask(batches.beginSample(), undefined, batches.prompts());
      const total = training.epochs * Math.ceil(task.train.length / training.batchSize);
      const course = rateCourse(training, total);
      let step = 0;
      const losses: number[] = [];
      const general = replayOf(own, trial.replay ?? 0, training, i);
      for (let epoch = 0; epoch < training.epochs; epoch++) {
        for (const batch of batches.ofEpoch(epoch, learner.rememberedExamples)) {
          const more = general();
          await learner.step(more ? [batch, more] : [batch], rateFactor(course, step++));
          if (learner.untakenSteps > 8) losses.push(...(await learner.takeRecords()).map(({ loss }) => loss));
        }
      }
      losses.push(...(await learner.takeRecords()).map(({ loss }) => loss));
      await learner.endTask({
        ...{ sample: batches.spaceSample(), singles: batches.singles() },
        ...{ prompts: batches.prompts(), examples: batches.examples },
      });
      const answers = await written(
        questions.map(({ question }) => question),
        ANSWER,
      );
      const isNow = questions.map((one, j) => isRight(one, answers[j], all));
      const kept = isNow.filter((now, j) => now && wasRight[j]).length;
      const right = wasRight.filter(Boolean).length;
      const lost = questions.flatMap((one, j) =>
        wasRight[j] && !isNow[j] ? [{ id: one.id, before: before[j], after: answers[j] }] : [],
      );
      const byHalf = { A: count(questions, HALF_A, wasRight, isNow), B: count(questions, HALF_B, wasRight, isNow) };
      const earlier: unknown[] = [];
      for (const [j, one] of tasks.slice(0, i + 1).entries()) {
        if (j < i && i < tasks.length - 1) continue;
        earlier.push({ lesson: one.name, ...(await test(one, 24)).accuracy });
      }
      const entry = {
        lesson: task.name,
        ...{ kept, right, byHalf, learned: earlier.at(-1), earlier: earlier.slice(0, -1) },
        ...{ losses: losses.map((loss) => Number(loss.toFixed(3))), lost, seconds: seconds(began) },
      };
      after.push(entry);
      console.log(
        '  ',
        task.name,
        `${kept}/${right}`,
        JSON.stringify(entry.learned),
        losses.at(-1)?.toFixed(3),
        seconds(began),
      );
    }
    appendFileSync(results, `${JSON.stringify({ ...trial, method, after, seconds: seconds(began) })}\n`);
  } finally {
    learner.destroy();
    network.destroy();
  }
}

const count = (
  questions: readonly CommonQuestion[],
  half: readonly CommonQuestion[],
  was: readonly boolean[],
  now: readonly boolean[],
): { right: number; kept: number; gained: number } => {
  const of = questions.flatMap((one, i) => (half.includes(one) ? [i] : []));
  const number = (holds: (i: number) => boolean): number => of.filter(holds).length;
  return {
    right: number((i) => was[i]),
    kept: number((i) => was[i] && now[i]),
    gained: number((i) => !was[i] && now[i]),
  };
};

/** Batches of protected examples, in turn. */
function replayOf(
  examples: readonly EncodedExample[],
  rows: number,
  { sourceLength, seed }: TrainingSettings,
  round: number,
): () => ReturnType<typeof sizedBatch> | undefined {
  let queue: number[][] = [];
  let epoch = 0;
  return () => {
    if (rows === 0) return undefined;
    if (queue.length === 0) {
      queue = trainingOrder(examples, rows, mixSeed(seed, 'general', round), epoch++).filter(
        (some) => some.length === rows,
      );
    }
    const indexes = queue.shift();
    return indexes && sizedBatch(examples, indexes, { batchSize: rows, sourceLength });
  };
}

const seconds = (since: number): number => Math.round((Date.now() - since) / 1000);
