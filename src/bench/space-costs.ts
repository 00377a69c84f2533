import type { TokenPair } from '../base/batch.ts';
import { mixSeed, seededRandom } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import { Learner } from '../gorp/learner.ts';
import { planOf, withValues } from '../methods/registry.ts';
import { networkOf } from '../run/models/open-network.ts';
import { RoundBatches } from '../run/tasks/round-batches.ts';
import type { RunSettings } from '../run/settings/settings.ts';
import { spaceSamples } from '../run/tasks/space-samples.ts';
import { startingMethod, startingTraining } from '../run/settings/starting-values.ts';
import { randomWeights } from './model-shapes.ts';
import { between, type Clock, median, type Spent, stamp, timed } from './timing.ts';

/** A model that learns tasks of random prompts, all of full length, which take longest. */
export interface SpaceSubject {
  readonly name: string;
  readonly width: number;
  /** Its config.json. */
  readonly config: Readonly<Record<string, unknown>> & { readonly vocab_size: number };
  /** Tokens of every prompt and every answer. */
  readonly prompt: number;
  readonly answer: number;
  readonly tasks: number;
}

/** How much of a subject is measured. */
interface SpaceScope {
  readonly tasks: number;
  /** Measured steps of each task, at most {@link MOST_STEPS}. */
  readonly steps: number;
}

interface TaskTimes {
  /** Median of the measured steps. */
  readonly step: Spent;
  readonly beginning: Spent;
  /** Its end: reading the sample, then building the spaces. */
  readonly reading: Spent;
  readonly building: Spent;
}

/** The times of a task's end and of the next one's beginning, and of a step, in steps of the first task. */
interface InSteps {
  readonly between: number;
  readonly step: number;
}

/** A model on the hub, for its starting values. */
const PRE_TRAINED = 'org/model';
const METHOD = 'gorp-plus';
const BATCH_SIZE = 8;
/** The first step of a task computes bases, and the first two measure. They and compiling are left out. */
const WARM_UP = 2;
/** Then follow plain steps, up to the next bases. */
export const MOST_STEPS = 8;
const REFRESH_INTERVAL = WARM_UP + MOST_STEPS;
/** The first tokens have a meaning: padding, beginning and end of a text. */
const FIRST_TOKEN = 3;

/**
 * Times tasks learned one after another by `gorp-plus`: beginnings, steps without new bases and ends, with the batches
 * and samples of a run. Every task has tokens of its own, so that spaces grow.
 *
 * @returns the times of each task, and of the beginning after the last.
 */
export async function timeTasks(
  clock: Clock,
  device: Device,
  { config, prompt, answer }: SpaceSubject,
  { tasks, steps }: SpaceScope,
): Promise<{ tasks: TaskTimes[]; next: Spent }> {
  const lengths = { sourceLength: prompt, targetLength: answer };
  const settings: RunSettings = {
    model: PRE_TRAINED,
    tasks: 'picked',
    method: withValues(startingMethod(PRE_TRAINED, METHOD), { updateProjGap: REFRESH_INTERVAL }),
    order: Array.from({ length: tasks + 1 }, (_, task) => `task ${task + 1}`),
    training: { ...startingTraining(PRE_TRAINED), batchSize: BATCH_SIZE, ...lengths },
  };
  const { method, training } = settings;
  const { network, targets } = networkOf(device, config, lengths);
  const options = {
    seed: 1,
    maxGradNorm: training.maxGradNorm,
    gradientAccumulation: 1,
    recompute: training.activations === 'recompute',
  };
  const learner = await Learner.create(
    device,
    network,
    planOf(method),
    targets,
    options,
    randomWeights(network.shapes),
  );
  const data = settings.order.map((name, task) => {
    const examples = { count: training.trainExamples, prompt, answer };
    return { name, train: randomExamples(examples, config.vocab_size, task, settings.order.length) };
  });
  const samples = spaceSamples(method, network);
  const batchesOf = (task: number): RoundBatches =>
    new RoundBatches(
      settings,
      data,
      { number: task + 1, trains: [task], tests: [], testsWatched: false },
      samples,
      network,
    );
  const begin = (batches: RoundBatches): Promise<Spent> => timed(clock, () => learner.beginTask(batches.beginSample()));
  const found: TaskTimes[] = [];
  try {
    for (let task = 0; task < tasks; task++) {
      const batches = batchesOf(task);
      const beginning = await begin(batches);
      const spent: Spent[] = [];
      for (const batch of batches.ofEpoch(0, []).slice(0, WARM_UP + steps)) {
        const step = await timed(clock, async () => {
          await learner.step([batch]);
          await learner.takeRecords();
        });
        spent.push(step);
      }
      found.push({ step: medianOf(spent.slice(WARM_UP)), beginning, ...(await end(clock, learner, batches)) });
    }
    return { tasks: found, next: await begin(batchesOf(tasks)) };
  } finally {
    learner.destroy();
    network.destroy();
  }
}

/** Ends a task. */
async function end(
  clock: Clock,
  learner: Learner,
  batches: RoundBatches,
): Promise<Pick<TaskTimes, 'reading' | 'building'>> {
  const sample = batches.spaceSample();
  const begun = await stamp(clock);
  let read: Spent | undefined;
  await learner.endTask({ sample }, async (done) => {
    if (done >= sample.length) read ??= await stamp(clock);
  });
  const ended = await stamp(clock);
  return { reading: between(begun, read ?? ended), building: between(read ?? ended, ended) };
}

/** Examples of random tokens from a task's share of the vocabulary. */
export function randomExamples(
  { count, prompt, answer }: { count: number; prompt: number; answer: number },
  vocabulary: number,
  task: number,
  tasks: number,
): TokenPair[] {
  const share = Math.floor((vocabulary - FIRST_TOKEN) / tasks);
  const random = seededRandom(mixSeed(1, 'tokens', task));
  const text = (length: number): number[] =>
    Array.from({ length }, () => FIRST_TOKEN + task * share + random.below(share));
  return Array.from({ length: count }, () => ({ source: text(prompt), label: text(answer) }));
}

/** The medians of CPU and wall times. */
function medianOf(spent: readonly Spent[]): Spent {
  const cpu = spent.map((one) => one.cpu).filter((one) => one !== null);
  return { wall: median(spent.map(({ wall }) => wall)), cpu: cpu.length > 0 ? median(cpu) : null };
}

/** The times of each task in steps of the first. @param of the clock to go by; NaN where it is unknown. */
export function inSteps({ tasks, next }: { tasks: readonly TaskTimes[]; next: Spent }, of: keyof Spent): InSteps[] {
  const [{ step }] = tasks;
  const unit = step[of] ?? NaN;
  return tasks.map((task, i) => {
    const after = tasks[i + 1]?.beginning ?? next;
    const parts = [task.reading, task.building, after].map((spent) => spent[of] ?? NaN);
    return { between: parts.reduce((a, b) => a + b) / unit, step: (task.step[of] ?? NaN) / unit };
  });
}
