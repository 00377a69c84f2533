// Teaches lessons to a model, and asks it questions of common knowledge before and after (docs/studies/keeping.md):
//   node tools/run.mjs lab/keeping/keeping.ts MODEL TRIALS RESULTS
// Both files hold JSON lines. A trial whose name is in RESULTS is not made again, and TRIALS may grow meanwhile.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { openNamedModel } from '../../src/cli/named-models.ts';
import { nodeWasmHost } from '../../src/cli/wasm-host.ts';
import { chunks } from '../../src/base/chunks.ts';
import type { Device } from '../../src/device/device.ts';
import { WasmDevice } from '../../src/device/wasm/wasm-device.ts';
import { Learner } from '../../src/gorp/learner.ts';
import { needsOf } from '../../src/gorp/method-plan.ts';
import { rateCourse, rateFactor } from '../../src/gorp/rate-schedule.ts';
import { type MethodName, planOf, withValues } from '../../src/methods/registry.ts';
import type { EncodedTask } from '../../src/run/tasks/encoded-task.ts';
import { Evaluations } from '../../src/run/evaluation/evaluation-programs.ts';
import { type Accuracy, Evaluator } from '../../src/run/evaluation/evaluator.ts';
import { writeAnswers } from '../../src/run/evaluation/free-answers.ts';
import { chosenTargets } from '../../src/run/models/model-modules.ts';
import { openNetwork, readTexts } from '../../src/run/models/open-network.ts';
import { readParameter } from '../../src/run/models/packed-blocks.ts';
import { protectedSample } from '../../src/run/tasks/protected-examples.ts';
import { answeredByModel, rehearsedBatch } from '../../src/run/probes/rehearsal.ts';
import { RoundBatches } from '../../src/run/learning/round-batches.ts';
import type { RunSettings, TrainingSettings } from '../../src/run/settings/settings.ts';
import { spaceSamples } from '../../src/run/tasks/space-samples.ts';
import { startingMethod, startingTraining } from '../../src/run/settings/starting-values.ts';
import { prepareTask } from '../../src/run/tasks/task-data.ts';
import { type CommonQuestion, isRight } from '../../src/tasks/common-questions.ts';
import { encodeFree } from '../../src/tasks/encode-free.ts';
import { GENERAL_PROMPTS } from '../../src/tasks/general-prompts.ts';
import type { ModelFiles } from '../../src/weights/model-folder.ts';
import { LESSONS } from './lessons.ts';
import { MORE_PROMPTS } from './more-prompts.ts';
import { HALF_A, HALF_B } from './more-questions.ts';

/** What is tried, where it differs from the settings that a pre-trained model starts with. */
interface Trial {
  readonly name: string;
  readonly method: MethodName;
  /** In the order in which they are taught; all by default. */
  readonly lessons?: readonly string[];
  readonly values?: Parameters<typeof withValues>[1];
  readonly training?: Partial<TrainingSettings>;
  /** Whether what is protected and rehearsed includes {@link MORE_PROMPTS}. */
  readonly more?: boolean;
  /** The questions: half A, by which settings are chosen, unless it says otherwise. */
  readonly half?: 'A' | 'B';
}

/** Tokens of an answer to a question. */
const ANSWER = 24;
const QUESTIONS = [...HALF_A, ...HALF_B];
/** Stands for any pre-trained model in settings. */
const MODEL = 'org/model';

export async function main([model, trials, results]: string[]): Promise<number> {
  const files = await openNamedModel(model);
  for (;;) {
    const done = new Set(linesIn<Trial>(results).map(({ name }) => name));
    const next = linesIn<Trial>(trials).find(({ name }) => !done.has(name));
    if (next === undefined) return 0;
    const device = await WasmDevice.open(nodeWasmHost(Number(process.env['THREADS'] ?? 1)));
    try {
      const rounds = await tried(device, files, next);
      appendFileSync(results, `${JSON.stringify({ ...next, rounds })}\n`);
    } finally {
      await device.destroy();
    }
  }
}

const linesIn = <Line>(path: string): Line[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => JSON.parse(line) as Line)
    : [];

/** What was learned and kept after a lesson. */
interface Taught {
  readonly lesson: string;
  /** Questions that were answered rightly before, and how many of them still are. */
  readonly right: number;
  readonly kept: number;
  readonly lost: readonly { readonly id: string; readonly before: string; readonly after: string }[];
  /** Scores of the lessons so far. */
  readonly learned: Readonly<Record<string, Accuracy>>;
  readonly losses: readonly number[];
  readonly seconds: number;
}

async function tried(device: Device, model: ModelFiles, trial: Trial): Promise<Taught[]> {
  const { method: name, values = {}, half = 'A', lessons = LESSONS.map((one) => one.name) } = trial;
  const method = withValues(startingMethod(MODEL, name), values);
  const training: TrainingSettings = {
    ...startingTraining(MODEL),
    ...{ epochs: 4, trainExamples: 0, testExamples: 0, promptForm: 'chat' },
    ...trial.training,
  };
  const settings: RunSettings = { model: MODEL, tasks: 'embedded', order: [...lessons], method, training };
  const known = await readTexts(model, { promptForm: 'chat', date: '2026-12-01T00:00:00' });
  const { tokenizer } = known;
  const opened = openNetwork(device, model, { sourceLength: training.sourceLength, targetLength: 128 }, known);
  const { network, storedName } = opened;
  const options = {
    ...{ seed: training.seed, maxGradNorm: training.maxGradNorm, tasks: lessons.length },
    ...{ gradientAccumulation: 1, rehearses: training.rehearsal > 0 },
  };
  const targets = chosenTargets(settings, network.shapes, opened.targets);
  const learner = await Learner.create(device, network, planOf(method), targets, options, (parameter, packed) =>
    readParameter(model, storedName(parameter), packed),
  );
  const noted = (): Promise<void> => Promise.resolve();
  /** Answers of the model as it is now. */
  const ask = async (questions: readonly CommonQuestion[]): Promise<string[]> => {
    const prompts = questions.map(({ question }) => ({ source: tokenizer.encodePrompt(question), label: [] }));
    const programs = new Evaluations(device, network, learner.layers, ANSWER + 1);
    try {
      const ids = await writeAnswers({ device, network, programs }, prompts, training.evaluationBatchSize, noted);
      return ids.map((one) => tokenizer.decode(one.filter((id) => !network.tokens.endIds.includes(id))));
    } finally {
      programs.destroy();
    }
  };
  const test = async (task: EncodedTask): Promise<Accuracy> => {
    const evaluator = new Evaluator(device, network, learner, tokenizer, { ...training, answerLength: 32 }, Date.now);
    try {
      return (await evaluator.evaluate(task, noted)).accuracy;
    } finally {
      evaluator.destroy();
    }
  };
  try {
    const host = {
      taskReader: () => () => Promise.reject(new Error('lessons are no files')),
      customTask: (of: string) => Promise.resolve(LESSONS.find((one) => one.name === of)),
    };
    const tasks: EncodedTask[] = [];
    for (const lesson of lessons) tasks.push(await prepareTask(host, lesson, settings, tokenizer, () => undefined));
    const asked = half === 'A' ? HALF_A : HALF_B;
    const all = await ask(asked);
    const right = asked.filter((one, i) => isRight(one, all[i], QUESTIONS));
    const before = all.filter((answer, i) => isRight(asked[i], answer, QUESTIONS));
    const pairs = [...GENERAL_PROMPTS.train, ...(trial.more ? MORE_PROMPTS : [])];
    const lengths = { sourceLength: training.sourceLength, answerLength: 128 };
    const { encoded: general } = await encodeFree(tokenizer, GENERAL_PROMPTS, pairs, lengths);
    const samples = spaceSamples(method, network);
    if (needsOf(planOf(method)).protects !== undefined) {
      await learner.protect(protectedSample([general], training, { ...samples, end: general.length }));
    }
    const rehearsed =
      training.rehearsal === 0
        ? []
        : await answeredByModel({ device, network, learner, tokenizer, settings }, general, noted);
    const rounds: Taught[] = [];
    for (const [i, { name: lesson }] of tasks.entries()) {
      const began = Date.now();
      const round = { number: i + 1, trains: [i], tests: [], testsWatched: false };
      const batches = new RoundBatches(settings, tasks, round, samples);
      await learner.beginTask(batches.beginSample(), undefined, batches.prompts());
      const steps = Array.from({ length: training.epochs }, (_, epoch) =>
        batches.ofEpoch(epoch, learner.rememberedExamples),
      ).flat();
      const course = rateCourse(training, steps.length);
      const losses: number[] = [];
      for (const some of chunks([...steps.keys()], 8)) {
        for (const step of some) {
          const beside = rehearsed.length > 0 && {
            batch: rehearsedBatch(rehearsed, training, i + 1, step + 1),
            weight: training.rehearsal,
          };
          await learner.step([steps[step]], rateFactor(course, step), beside || undefined);
        }
        losses.push(...(await learner.takeRecords()).map(({ loss }) => Number(loss.toFixed(4))));
      }
      await learner.endTask({
        ...{ sample: batches.spaceSample(), singles: batches.singles() },
        ...{ prompts: batches.prompts(), examples: batches.examples },
      });
      const after = await ask(right);
      const lost = right.flatMap((one, j) =>
        isRight(one, after[j], QUESTIONS) ? [] : [{ id: one.id, before: before[j], after: after[j] }],
      );
      const learned: Record<string, Accuracy> = {};
      for (const one of tasks.slice(0, i + 1)) learned[one.name] = await test(one);
      const kept = right.length - lost.length;
      const seconds = Math.round((Date.now() - began) / 1000);
      rounds.push({ lesson, right: right.length, kept, lost, learned, losses, seconds });
      console.log(trial.name, lesson, `${kept} of ${right.length}`, JSON.stringify(learned[lesson]), seconds);
    }
    return rounds;
  } finally {
    learner.destroy();
    network.destroy();
  }
}
