import * as v from 'valibot';
import type { Work } from '../../device/counting-device.ts';
import { needsOf, type Schedule } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import { SOURCE_BUCKET } from '../../tasks/batches.ts';
import { heldOutCount } from '../../tasks/cut.ts';
import { DATASET_SIZES } from '../../tasks/dataset-sizes.ts';
import { GENERAL_PROMPTS } from '../../tasks/general-prompts.ts';
import { MAX_ANSWER } from '../../tasks/labels.ts';
import { amountOf, measurementsAfter, type PlannedTask, roundsOf, takenOf } from '../settings/amount.ts';
import { scheduledRounds } from '../settings/schedule.ts';
import { type RunSettings, testedTasks } from '../settings/settings.ts';
import { PROTECTED_EXAMPLES, protectedMost, type SpaceSamples } from '../tasks/space-samples.ts';

/** Approximate letters per label token. */
const LETTERS = 3;
/** If labels are unknown, assumes as many, and as long ones, as dbpedia has: the most in CL_Benchmark. */
const MAX_LABELS = { candidates: 14, letters: 'Educational Institution'.length };

/** The answers of a task that has not been read: nodes and choices of the tree of its labels, and tokens of the longest. */
export function answersAhead(
  { targetLength }: { readonly targetLength: number },
  labels: readonly (readonly string[])[],
): { nodes: number; choices: number; T: number }[] {
  const most = targetLength === 0 ? MAX_ANSWER : targetLength;
  return labels.map((list) => {
    const { candidates, letters } =
      list.length === 0 ? MAX_LABELS : { candidates: list.length, letters: Math.max(...list.map((one) => one.length)) };
    const T = Math.min(most, Math.ceil(letters / LETTERS) + 1);
    // Labels that share nothing but the start token.
    return { nodes: 1 + candidates * (T - 1), choices: candidates * T, T };
  });
}

const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));

/** The cost of a test. */
export interface TestEffort {
  /** Reading a token of a prompt, with padding. */
  read: Work;
  /** Ranking a node of the tree of labels, or scoring a token of a free answer. */
  rank: Work;
  /** Writing a token of an answer. */
  write: Work;
}

/** The cost of a run's parts. */
export interface Effort {
  /** One optimizer step, on {@link tokensOfStep} tokens in each of its batches. */
  step: Work;
  /** Tests that rank labels, and tests of free answers; null if the run has none. */
  tests: { labels: TestEffort | null; free: TestEffort | null };
  /** Spaces of inputs: reading a batch of such prompts, and building the spaces of a task; null without any. */
  space: { samples: SpaceSamples; read: Work; build: Work } | null;
  /** A pass over one of the longest examples alone, as some methods take at the end of a task; null without. */
  single: Work | null;
  /** Reading a token of a held-out example for its loss; null if none are held out. */
  validation: Work | null;
  /** Asking all questions of common knowledge once; nothing if none are asked. */
  questions?: Work;
  /** Answering the general prompts that are replayed, or the prompts of each task at its end; none with most methods. */
  ownAnswers?: readonly Work[];
  /** One measurement on general text; null without. */
  generalText: Work | null;
  tokensOfStep: number;
  /** Tokens that are read of each example of the largest batch of `batchSize`: a part of what all share. */
  tokensOfRow: number;
  /** Whether steps and tests read what the prompts of a batch begin with once for all. */
  sharesBeginnings: boolean;
}

/** The measured speed of a device. */
export const SpeedSchema = v.strictObject({ operationsPerSecond: positive, secondsPerKernel: positive });
export type Speed = v.InferOutput<typeof SpeedSchema>;

/** Tokens of a prompt when the texts are unknown: most are far shorter than the limit. */
const TYPICAL_TOKENS = 160;
/** Tokens of a labelled task's question when it is unknown. */
const QUESTION_TOKENS = 40;
/** Tokens of a general prompt with its answer, in the mean of two tokenizers. */
const GENERAL_TOKENS = 48;
/** Assumed share of test examples whose answers are not labels, so that they are decoded token by token. */
const DECODED_SHARE = 0.5;
/** Tokens of an example besides its prompt: padding to the longest and to the next bucket, or its answer. */
const PADDING = 0.75 * SOURCE_BUCKET;
/**
 * Seconds of a run for each second that its products would take at the measured speed: attention, normalisation, the
 * loss over the vocabulary and the optimizer are slower than products. Measured on one CPU core with the embedded T5.
 */
const BESIDE_PRODUCTS = 1.6;

/** How many tokens the texts of a task take on average. */
export interface MeanLengths {
  readonly name: string;
  /** Mean tokens of the counted prompts, as a run reads them: longer ones are cut. */
  readonly mean: number;
  /** Tokens of the prompt around a text: no prompt is shorter. */
  readonly question: number;
}

/**
 * The tasks of a run before they are read, from what is known of them.
 *
 * @param own examples of custom tasks, by name.
 * @param labels of each task, in the order of {@link testedTasks}; empty or missing if unknown.
 * @param lengths of the tasks whose texts have been counted.
 * @returns null if a task's examples are not known.
 */
export function tasksAhead(
  { training, method, ...listed }: Pick<RunSettings, 'order' | 'watch' | 'training' | 'method'>,
  own: ReadonlyMap<string, { readonly train: number; readonly test: number }>,
  labels: readonly (readonly string[])[] = [],
  lengths: readonly MeanLengths[] = [],
): PlannedTask[] | null {
  const { trainExamples, testExamples, validationExamples, sourceLength } = training;
  const names = testedTasks(listed);
  const answers = answersAhead(
    training,
    names.map((_, i) => labels[i] ?? []),
  );
  const tasks = names.map((name, i): PlannedTask | null => {
    const known = Object.hasOwn(DATASET_SIZES, name) ? DATASET_SIZES[name] : own.get(name);
    if (known === undefined) return null;
    const counted = lengths.find((task) => task.name === name);
    const { promptTokens } = { promptTokens: TYPICAL_TOKENS, ...known, ...(counted && { promptTokens: counted.mean }) };
    const taken = takenOf(trainExamples, known.train);
    const heldOut = heldOutCount(validationExamples, taken);
    const isWatched = i >= listed.order.length;
    return {
      name,
      train: Math.max(0, Math.min(taken, known.train - heldOut)),
      protects:
        isWatched && needsOf(planOf(method)).protects === 'watched' ? Math.min(PROTECTED_EXAMPLES, known.train) : 0,
      test: takenOf(testExamples, known.test),
      heldOut,
      promptTokens: Math.min(promptTokens, sourceLength),
      shared:
        answers[i].nodes > 0
          ? Math.min(promptTokens, counted?.question ?? Math.min(QUESTION_TOKENS, promptTokens / 2))
          : 0,
      nodes: answers[i].nodes,
      answerTokens: answers[i].T,
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

/** The work of a run's parts. */
export interface RunCosts {
  /** One step of round 1, 2, …. */
  readonly steps: readonly Work[];
  /** One test example of each task. */
  readonly tests: readonly Work[];
  /** The work at the beginning of round 1, 2, …; and at its end. */
  readonly begins: readonly Work[];
  readonly ends: readonly Work[];
  /** One measurement of the loss on the held-out examples of round 1, 2, …. */
  readonly validations: readonly Work[];
  /** Asking all questions of common knowledge once. */
  readonly questions: Work;
  /** One measurement on general text. */
  readonly generalText: Work;
}

/** The cost of each part of a run, by the length of its texts. */
export function costsOf(settings: RunSettings, tasks: readonly PlannedTask[], effort: Effort): RunCosts {
  const { method, training } = settings;
  const plan = planOf(method);
  const { schedule } = plan;
  const needs = needsOf(plan);
  const learned = tasks.slice(0, settings.order.length);
  const mean = learned.reduce((sum, { promptTokens }) => sum + promptTokens, 0) / Math.max(1, learned.length);
  // A mixed round trains on all tasks, any other on its own.
  const tokensIn = (task: PlannedTask, rows: number): number => {
    const saved = sharedInTraining(settings, task, effort);
    return rows * ((schedule === 'mixed' ? mean : task.promptTokens) + PADDING - saved) + saved;
  };
  const share = (task: PlannedTask): number =>
    Math.min(1, tokensIn(task, training.batchSize) / (training.batchSize * effort.tokensOfRow));
  const shareOfStep = (task: PlannedTask): number =>
    training.batchTokens === 0
      ? share(task)
      : Math.min(1, tokensIn(task, packedExamples(settings, task, effort)) / effort.tokensOfStep);
  const { space } = effort;
  const batchesOf = (most: number, examples: number): number =>
    Math.ceil(Math.min(most, examples) / training.batchSize);
  const reading = (task: PlannedTask, when: 'begin' | 'end'): Work => {
    if (space === null) return NO_WORK;
    return times(batchesOf(space.samples[when], task.train), shorter(space.read, share(task)));
  };
  /** Reads what stands for the base model, before the first task. */
  const readingProtected = (): Work => {
    if (space === null) return NO_WORK;
    const examples = tasks.reduce((sum, task) => sum + task.protects, GENERAL_PROMPTS.train.length);
    const tokens = Math.min(1, GENERAL_TOKENS / effort.tokensOfRow);
    return times(batchesOf(protectedMost(space.samples), examples), shorter(space.read, tokens));
  };
  // In the first task there is no space yet that rates could compensate for, unless the base model is protected.
  const beginning = (first: PlannedTask): Work => {
    if (needs.protects !== undefined)
      return sumOf([readingProtected(), space?.build ?? NO_WORK, reading(first, 'begin')]);
    return needs.inputsAtBegin === 'all' ? reading(first, 'begin') : NO_WORK;
  };
  const { ownAnswers, singles = 0 } = needs;
  const passes = (task: PlannedTask): Work =>
    effort.single === null ? NO_WORK : times(Math.min(singles, task.train), shorter(effort.single, share(task)));
  // Tasks that were taught before this run, which come first, are not answered again.
  const answering = (whose: typeof ownAnswers, i: number): Work => {
    const { ownAnswers: works = [] } = effort;
    const at = whose === 'general' ? i : i - learned.length + works.length;
    return whose === ownAnswers ? (works[at] ?? NO_WORK) : NO_WORK;
  };
  return {
    steps: learned.map((task) => shorter(effort.step, shareOfStep(task))),
    tests: tasks.map((task) => testCost(task, effort)),
    begins: learned.map((task, i) =>
      i > 0 ? reading(task, 'begin') : sumOf([beginning(task), answering('general', 0)]),
    ),
    ends: learned.map((task, i) =>
      sumOf([reading(task, 'end'), space?.build ?? NO_WORK, passes(task), answering('self', i)]),
    ),
    validations: validationCosts(schedule, learned, effort),
    questions: effort.questions ?? NO_WORK,
    generalText: effort.generalText ?? NO_WORK,
  };
}

/** Tokens of a task's prompts that a batch of training reads once. */
const sharedInTraining = (
  { method }: Pick<RunSettings, 'method'>,
  { shared }: PlannedTask,
  { sharesBeginnings }: Pick<Effort, 'sharesBeginnings'>,
): number => (sharesBeginnings && planOf(method).schedule !== 'mixed' ? shared : 0);

/** Examples of a task in a batch that is packed by tokens, on average. */
function packedExamples(
  settings: Pick<RunSettings, 'method' | 'training'>,
  task: PlannedTask,
  effort: Pick<Effort, 'sharesBeginnings'>,
): number {
  const saved = sharedInTraining(settings, task, effort);
  return Math.max(1, (settings.training.batchTokens - saved) / (task.promptTokens + PADDING - saved));
}

/** Each round reads the held-out examples of the tasks that it trains on. */
function validationCosts(schedule: Schedule, learned: readonly PlannedTask[], { validation }: Effort): Work[] {
  const costs = learned.map((): Work => NO_WORK);
  for (const { number, trains } of validation === null ? [] : scheduledRounds(schedule, learned.length)) {
    const tokens = trains.map(
      (task) => learned[task].heldOut * (learned[task].promptTokens + learned[task].answerTokens),
    );
    costs[number - 1] = times(
      tokens.reduce((a, b) => a + b, 0),
      validation ?? NO_WORK,
    );
  }
  return costs;
}

function testCost({ promptTokens, shared, nodes, answerTokens }: PlannedTask, all: Effort): Work {
  const { tests, sharesBeginnings } = all;
  const isFree = nodes === 0;
  const effort = isFree ? tests.free : tests.labels;
  if (effort === null) return NO_WORK;
  const read = sharesBeginnings ? promptTokens - shared : promptTokens;
  const written = isFree ? answerTokens : DECODED_SHARE * answerTokens;
  return sumOf([
    times(read, effort.read),
    times(isFree ? answerTokens : nodes, effort.rank),
    times(written, effort.write),
  ]);
}

export const NO_WORK: Work = { operations: 0, kernels: 0 };

/** The work of shorter texts: as many kernels, with a share of the operations. */
const shorter = ({ operations, kernels }: Work, share: number): Work => ({ operations: operations * share, kernels });

export const times = (count: number, { operations, kernels }: Work): Work => ({
  operations: count * operations,
  kernels: count * kernels,
});

export const sumOf = (works: readonly Work[]): Work => ({
  operations: works.reduce((sum, { operations }) => sum + operations, 0),
  kernels: works.reduce((sum, { kernels }) => sum + kernels, 0),
});

/** The compute of a whole run. @param packed steps of each round, if its batches are packed by tokens and were drawn. */
export function workOfRun(
  settings: RunSettings,
  tasks: readonly PlannedTask[],
  effort: Effort,
  packed?: readonly number[],
): Work {
  const costs = costsOf(settings, tasks, effort);
  const { validationSteps, batchTokens } = settings.training;
  const perBatch = (task: number): number => packedExamples(settings, tasks[task], effort);
  const { steps } = amountOf(settings, tasks, packed ?? (batchTokens > 0 ? perBatch : undefined));
  const testing = (indexes: readonly number[]): Work =>
    sumOf(indexes.map((task) => times(tasks[task].test, costs.tests[task])));
  const { before, rounds } = roundsOf(settings, tasks.length);
  return sumOf([
    testing(before),
    times(1 + rounds.filter(({ testsWatched }) => testsWatched).length, costs.questions),
    times(1 + rounds.length, costs.generalText),
    ...rounds.flatMap(({ number, tests }) => {
      const i = number - 1;
      const measured = times(measurementsAfter(steps[i], steps[i], validationSteps), costs.validations[i]);
      return [costs.begins[i], times(steps[i], costs.steps[i]), measured, costs.ends[i], testing(tests)];
    }),
  ]);
}

/** Seconds that work takes at a speed. @param factor by which earlier runs exceeded their estimate. */
export const secondsFor = ({ operations, kernels }: Work, speed: Speed, factor = 1): number =>
  factor * (BESIDE_PRODUCTS * (operations / speed.operationsPerSecond) + kernels * speed.secondsPerKernel);

/** Limits of an estimate whose ratio is below this are as good as one number. */
const CERTAIN = 1.6;

/**
 * `about 40 s`, `about 12 min`, `about 5 h`, `about 9 days`, rounded as an estimate should be; or, where it is not certain,
 * its limits: `20 to 50 min`, `40 s to 3 min`.
 */
export function roughly(
  seconds: number,
  [least, most]: readonly [least: number, most: number] = [seconds, seconds],
): string {
  const [low, high] = [rounded(least), rounded(most)];
  if (most <= CERTAIN * least || (low.count === high.count && low.unit === high.unit)) {
    const { count, unit } = rounded(seconds);
    return `about ${count} ${unit}`;
  }
  return `${low.count}${low.unit === high.unit ? '' : ` ${low.unit}`} to ${high.count} ${high.unit}`;
}

function rounded(seconds: number): { count: number; unit: string } {
  const round = (value: number): number => (value < 10 ? Math.max(1, Math.round(value)) : Math.round(value / 5) * 5);
  if (seconds < 90) return { count: round(seconds), unit: 's' };
  if (seconds < 90 * 60) return { count: round(seconds / 60), unit: 'min' };
  if (seconds < 36 * 3600) return { count: round(seconds / 3600), unit: 'h' };
  return { count: Math.round(seconds / 86_400), unit: 'days' };
}

/**
 * How much less and how much more than planned a run may take: by the measured speed of its device alone, and after a run of
 * the same model on it.
 */
const [UNSURE, REFINED] = [
  [0.6, 1.8],
  [0.85, 1.2],
] as const;

/** The limits of planned seconds. @param isRefined whether an earlier run has corrected them. */
export const limitsOf = (seconds: number, isRefined: boolean): readonly [least: number, most: number] => {
  const [less, more] = isRefined ? REFINED : UNSURE;
  return [less * seconds, more * seconds];
};

/** Above this many seconds, the page suggests how to shorten the run. */
export const LONG_RUN = 3 * 3600;
