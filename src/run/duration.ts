import * as v from 'valibot';
import type { Work } from '../device/counting-device.ts';
import { SOURCE_BUCKET } from '../tasks/batches.ts';
import { DATASET_SIZES } from '../tasks/dataset-sizes.ts';
import { amountOf, type TaskAmount } from './amount.ts';
import { type RunSettings, testedTasks } from './settings.ts';
import { planOf } from '../methods/registry.ts';
import { spaceSamples } from './space-samples.ts';

const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));

/** The cost of a run's parts, on prompts of {@link Effort.promptTokens} tokens. */
export interface Effort {
  /** One optimizer step. */
  step: Work;
  /** One example of a test. */
  example: Work;
  /** Spaces of inputs: reading a batch of prompts, and building the spaces of a task; null without any. */
  space: { read: Work; build: Work } | null;
  promptTokens: number;
}

/** The measured speed of a device. */
export const SpeedSchema = v.strictObject({ operationsPerSecond: positive, secondsPerKernel: positive });
export type Speed = v.InferOutput<typeof SpeedSchema>;

/** What the time of a run needs to know of a task. */
export interface PlannedTask extends TaskAmount {
  /** Tokens of a prompt on average. */
  readonly promptTokens: number;
}

/** Tokens of a prompt when the texts are unknown: most are far shorter than the limit. */
const TYPICAL_TOKENS = 160;
/** Tokens of padding: a batch is as long as its longest text, rounded up to the next bucket. */
const PADDING = 0.75 * SOURCE_BUCKET;
/**
 * Seconds of a run for each second that its products would take at the measured speed: attention, normalisation, the
 * loss over the vocabulary and the optimizer are slower than products. Measured on one CPU core with the embedded T5.
 */
const BESIDE_PRODUCTS = 1.6;

/**
 * The tasks of a run before they are read, from what is known of them.
 *
 * @param own examples of custom tasks, by name.
 * @returns null if a task's examples are not known.
 */
export function tasksAhead(
  { training, ...listed }: Pick<RunSettings, 'order' | 'watch' | 'training'>,
  own: ReadonlyMap<string, { readonly train: number; readonly test: number }>,
): PlannedTask[] | null {
  const { trainExamples, testExamples, sourceLength } = training;
  const taken = (asked: number, there: number): number => (asked === 0 ? there : Math.min(asked, there));
  const tasks = testedTasks(listed).map((name): PlannedTask | null => {
    const known = Object.hasOwn(DATASET_SIZES, name) ? DATASET_SIZES[name] : own.get(name);
    if (known === undefined) return null;
    const { promptTokens } = { promptTokens: TYPICAL_TOKENS, ...known };
    return {
      name,
      train: taken(trainExamples, known.train),
      test: taken(testExamples, known.test),
      promptTokens: Math.min(promptTokens, sourceLength),
    };
  });
  return tasks.includes(null) ? null : tasks.filter((task) => task !== null);
}

/**
 * The share of the watched tasks in the prompt tokens that a run reads in its tests.
 *
 * @param own as for {@link tasksAhead}.
 * @returns null if a task's examples are not known.
 */
export function watchShare(settings: RunSettings, own: Parameters<typeof tasksAhead>[1]): number | null {
  const tasks = tasksAhead(settings, own);
  if (tasks === null) return null;
  const tokensOf = (counted: (task: number) => boolean): number => {
    const weighed = tasks.map((task, j) => ({ ...task, test: counted(j) ? task.test * task.promptTokens : 0 }));
    return amountOf(settings, weighed).tests.reduce((a, b) => a + b, 0);
  };
  const all = tokensOf(() => true);
  return all === 0 ? 0 : tokensOf((j) => j >= settings.order.length) / all;
}

/** The compute of a whole run: its steps and tests, each by the length of its texts. */
export function workOfRun(settings: RunSettings, tasks: readonly PlannedTask[], effort: Effort): Work {
  const { steps, tests } = amountOf(settings, tasks);
  const meanTokens = (of: readonly PlannedTask[]): number =>
    of.reduce((sum, { promptTokens }) => sum + promptTokens, 0) / Math.max(1, of.length);
  const learned = tasks.slice(0, settings.order.length);
  const all = meanTokens(tasks);
  // A mixed round trains on all tasks, any other on its own.
  const tokensOf = (round: number): number =>
    planOf(settings.method).schedule === 'mixed' ? meanTokens(learned) : learned[round - 1].promptTokens;
  let operations = 0;
  let kernels = 0;
  const add = (count: number, { operations: each, kernels: called }: Work, tokens: number): void => {
    operations += count * each * Math.min(1, tokens / effort.promptTokens);
    kernels += count * called;
  };
  steps.forEach((count, i) => add(count, effort.step, tokensOf(i + 1) + PADDING));
  for (const count of tests) add(count, effort.example, all);
  if (effort.space) {
    const { read, build } = effort.space;
    const { begin, end } = spaceSamples(settings.method);
    for (const [i, { train }] of learned.entries()) {
      const batches = (prompts: number): number => Math.ceil(Math.min(prompts, train) / settings.training.batchSize);
      add(batches(end) + (i > 0 ? batches(begin) : 0), read, tokensOf(i + 1) + PADDING);
      operations += build.operations;
      kernels += build.kernels;
    }
  }
  return { operations, kernels };
}

/** Seconds that work takes at a speed. @param factor by which earlier runs exceeded their estimate. */
export const secondsFor = ({ operations, kernels }: Work, speed: Speed, factor = 1): number =>
  factor * (BESIDE_PRODUCTS * (operations / speed.operationsPerSecond) + kernels * speed.secondsPerKernel);

/** `about 40 s`, `about 12 min`, `about 5 h`, `about 9 days`: rounded as an estimate should be. */
export function roughly(seconds: number): string {
  const round = (value: number): number => (value < 10 ? Math.max(1, Math.round(value)) : Math.round(value / 5) * 5);
  if (seconds < 90) return `about ${round(seconds)} s`;
  if (seconds < 90 * 60) return `about ${round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `about ${round(seconds / 3600)} h`;
  return `about ${Math.round(seconds / 86_400)} days`;
}

/** Above this many seconds, the page suggests how to shorten the run. */
export const LONG_RUN = 3 * 3600;
