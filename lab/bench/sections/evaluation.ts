import { Learner } from '../../../src/gorp/learner.ts';
import type { WebGpuDevice } from '../../../src/device/webgpu/webgpu-device.ts';
import type { Network } from '../../../src/models/network.ts';
import { Evaluator } from '../../../src/run/evaluation/evaluator.ts';
import { planOf } from '../../../src/methods/registry.ts';
import { startingMethod } from '../../../src/run/settings/starting-values.ts';
import type { EncodedTask } from '../../../src/run/tasks/encoded-task.ts';
import { SOURCE_BUCKET } from '../../../src/tasks/batches.ts';
import type { Tokenizer } from '../../../src/text/tokenizer.ts';
import { type Section, tunedDevice } from '../bench.ts';
import { EMBEDDED, embeddedTasks, openEmbedded } from '../../../src/bench/model-shapes.ts';
import { Greedy } from '../../../src/bench/greedy.ts';
import { digits, markdownTable } from '../../../src/base/markdown.ts';
import { type Contender, cost, takeTurns } from '../../../src/bench/timing.ts';

// Tokens per row when generation alone is timed.
const LONG_ANSWER = 32;
const BATCHES = [1, 8, 50] as const;

/** The parts that a section's contenders work on. */
interface Opened {
  device: WebGpuDevice;
  network: Network;
  tokenizer: Tokenizer;
  learner: Learner;
  tasks: EncodedTask[];
}

/**
 * Compares the tests of the embedded order, in batches with ranking as in a run, with plain generation one example at a
 * time. Also times generation by batch size.
 */
export const evaluationSection: Section = async (place, { rounds, quick }) => {
  const device = await tunedDevice(place);
  try {
    const { network, targets, tokenizer, model } = await openEmbedded(place, device);
    const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1 };
    const read = (name: string): Promise<Float32Array> => model.readTensor(name);
    const learner = await Learner.create(
      device,
      network,
      planOf(startingMethod('embedded', 'gorp-b')),
      targets,
      options,
      read,
    );
    await learner.beginTask();
    const tasks = await embeddedTasks(place, tokenizer, quick ? 10 : EMBEDDED.training.testExamples);
    const opened = { device, network, tokenizer, learner, tasks };
    const batched = inBatches(opened);
    const single = oneByOne(opened);
    // Kernels for both are chosen before either is timed.
    for (const contender of [batched, single]) await contender.run(1);
    const [evaluation, oneAtATime] = await takeTurns(place.clock, [batched, single], rounds);
    const agreement = agreed(batched.answers, single.answers);
    const generation = [];
    for (const B of BATCHES) generation.push(...(await takeTurns(place.clock, [await writing(opened, B)], rounds)));
    const examples = tasks.reduce((sum, { test }) => sum + test.length, 0);
    const ratio = cost(oneAtATime) / cost(evaluation);
    const wallRatio = oneAtATime.wallMedian / evaluation.wallMedian;
    const speeds = generation.map((timing, i) => (1000 * BATCHES[i] * LONG_ANSWER) / cost(timing));
    const line = (name: string, { wallMedian, cpuMedian }: typeof evaluation, per: string): string[] => [
      name,
      ...[wallMedian, cpuMedian].map(digits),
      per,
    ];
    return {
      numbers: { examples, evaluation, oneAtATime, ratio, wallRatio, agreement, generation, tokensPerSecond: speeds },
      text: [
        markdownTable(
          ['', 'ms median', 'CPU ms', ''],
          [
            line(
              `${examples} examples tested in batches`,
              evaluation,
              `answers and ranking; ${digits(ratio)} × as fast, ${digits(wallRatio)} × by the wall clock`,
            ),
            line(`${examples} examples answered one by one`, oneAtATime, 'answers alone'),
            ...generation.map((each, i) => line(each.name, each, `${digits(speeds[i])} tokens per (CPU) second`)),
          ],
        ),
        `\nThe same answer either way for ${agreement} of ${examples} examples.`,
      ].join('\n'),
    };
  } finally {
    await device.destroy();
  }
};

const SETTINGS = { ...EMBEDDED.training, answerLength: EMBEDDED.training.targetLength };

/** As a run tests: a new evaluator each time, whose programs use kernels that are already compiled. */
function inBatches({ device, network, learner, tokenizer, tasks }: Opened): Contender & { answers: string[] } {
  const answers: string[] = [];
  const test = async (): Promise<void> => {
    answers.length = 0;
    const evaluator = new Evaluator(device, network, learner, tokenizer, SETTINGS, () => performance.now());
    for (const task of tasks) {
      const found = await evaluator.evaluate(task, () => Promise.resolve());
      answers.push(...found.answers.map(({ text }) => text));
    }
    evaluator.destroy();
  };
  return { name: 'in batches', run: (times) => repeat(times, test), answers };
}

function oneByOne({ device, network, learner, tokenizer, tasks }: Opened): Contender & { answers: string[] } {
  const answers: string[] = [];
  const { sourceLength, targetLength } = EMBEDDED.training;
  const answer = async (): Promise<void> => {
    answers.length = 0;
    const programs = new Map<number, Greedy>();
    for (const { source } of tasks.flatMap(({ test }) => test)) {
      const S = Math.min(Math.ceil(source.length / SOURCE_BUCKET) * SOURCE_BUCKET, sourceLength);
      let greedy = programs.get(S);
      if (greedy === undefined) {
        greedy = await Greedy.create(device, network, learner.layers, { B: 1, S, capacity: targetLength + 1 });
        programs.set(S, greedy);
      }
      const [, ...ids] = await greedy.answer([source]);
      const end = ids.findIndex((id) => network.tokens.endIds.includes(id));
      answers.push(tokenizer.decode(end < 0 ? ids : ids.slice(0, end)));
    }
    for (const greedy of programs.values()) greedy.destroy();
  };
  return { name: 'one by one', run: (times) => repeat(times, answer), answers };
}

/** Generation of long answers to prompts of one length, B at a time. */
async function writing({ device, network, learner, tasks }: Opened, B: number): Promise<Contender> {
  const S = EMBEDDED.training.sourceLength;
  const greedy = await Greedy.create(device, network, learner.layers, { B, S, capacity: LONG_ANSWER + 1 });
  const prompts = tasks.flatMap(({ test }) => test.map(({ source }) => source));
  const sources = Array.from({ length: B }, (_, row) => prompts[row % prompts.length]);
  const run = (times: number): Promise<void> => repeat(times, () => greedy.write(sources, LONG_ANSWER));
  return { name: `${B} × ${LONG_ANSWER} tokens after ${S}`, run };
}

async function repeat(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < times; i++) await work();
}

const agreed = (a: readonly string[], b: readonly string[]): number => a.filter((text, i) => text === b[i]).length;
