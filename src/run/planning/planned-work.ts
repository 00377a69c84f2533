import { type Batch, labelTokensOf, longestOf, type PlannedBatch, tokensOf } from '../../base/batch.ts';
import { evenChunks } from '../../base/statistics.ts';
import { GorpError } from '../../base/errors.ts';
import { needsOf, partOf } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import { sharedTokens } from '../../models/decoder-batch.ts';
import { type LabelTree, labelTree, sizesOfTrees } from '../../models/label-tree.ts';
import type { Network } from '../../models/network.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { answerLength } from '../../tasks/labels.ts';
import type { EvaluationSizes, PoolSizes } from '../evaluation/evaluation-programs.ts';
import {
  largestOfFreeTest,
  largestSources,
  type PlannedAnswers,
  plannedAnswers,
  type PlannedFreeTest,
} from '../evaluation/free-answers.ts';
import { ANSWER_TOKENS, type AskedQuestions } from '../probes/common-questions-probe.ts';
import { largestScoring } from '../probes/general-text-probe.ts';
import type { GeneralText } from '../probes/general-text.ts';
import type { PlannedTask } from '../settings/amount.ts';
import { type Round, scheduledRounds } from '../settings/schedule.ts';
import type { RunSettings } from '../settings/settings.ts';
import { answerLengthOf, type EncodedTask } from '../tasks/encoded-task.ts';
import { GENERAL_ANSWER } from '../tasks/protected-examples.ts';
import { RoundBatches } from '../tasks/round-batches.ts';
import { spaceSamples } from '../tasks/space-samples.ts';
import { answersAhead } from './duration.ts';

/** A test batch. */
interface PlannedTest extends EvaluationSizes {
  /** The sources that may wait for their answers. */
  readonly pool: PoolSizes;
}

/** The facts about a run's work that memory depends on. */
export interface PlannedWork {
  /** Tasks learned one after another: spaces and frozen adapters grow with them. */
  readonly tasks: number;
  /** The largest batch of `batchSize` examples. */
  readonly batch: PlannedBatch;
  /** The largest batch of training, if batches are packed by tokens. */
  readonly packed?: PlannedBatch | undefined;
  /** How many sizes of batches a round may have. */
  readonly shapes: number;
  /** The largest batch of the loss on held-out examples; null if none are held out. */
  readonly validation: PlannedBatch | null;
  /** The batches of what is protected of the base model, as far as they are known; none if nothing is. */
  readonly protects: readonly (Batch | PlannedBatch)[];
  /** The largest batch of general text, and the tokens of all; null if none is measured. */
  readonly generalText: { readonly rows: Batch; readonly tokens: number } | null;
  /** The largest batches of each test. */
  readonly tests: readonly PlannedTest[];
  readonly freeTests: readonly PlannedFreeTest[];
  /** The questions of common knowledge; undefined if none are asked. */
  readonly questions?: PlannedAnswers | undefined;
  /** Prompts that the model answers to replay its answers: general ones, or those of each task; none with most methods. */
  readonly ownAnswers?: readonly PlannedAnswers[];
  /** Maximum number of tokens in an answer, with the end. */
  readonly answer: number;
}

type Planned = Pick<RunSettings, 'method' | 'training'>;

/** The texts that a run works on besides its tasks. */
interface Beside {
  /** The batches of what is protected. */
  readonly protects?: readonly Batch[];
  readonly replayed?: readonly EncodedExample[];
  readonly questions?: AskedQuestions | null;
  readonly general?: GeneralText | null;
  readonly packed?: PackedRounds | undefined;
}

/** The batches of a run that packs them by tokens, as they will be drawn. */
interface PackedRounds {
  /** Optimizer steps of round 1, 2, …; 0 for rounds that are not run. */
  readonly steps: readonly number[];
  readonly batches: number;
  /** No batch is larger in any respect. */
  readonly largest: PlannedBatch;
}

/**
 * Draws all batches of a run that packs them by tokens; undefined if it packs none.
 *
 * @throws GorpError `settings/batch-tokens` if a batch has no room for the longest example, with the number that has.
 */
export function packedRounds(
  settings: RunSettings,
  tasks: readonly EncodedTask[],
  network: Pick<Network, 'readsAnswersApart' | 'sharesBeginnings' | 'byPrompt' | 'embeddingWidth' | 'tokensIn'>,
): PackedRounds | undefined {
  const { method, training } = settings;
  const { batchTokens, gradientAccumulation } = training;
  if (batchTokens === 0) return undefined;
  checkRoom(batchTokens, tasks, (example) => network.tokensIn([example]));
  const samples = spaceSamples(method, network);
  const steps = settings.order.map(() => 0);
  let batches = 0;
  const largest = { B: 1, S: 1, T: 1, shared: 0, tokens: 1, sources: 1, labels: 1 };
  const grow = (of: Partial<typeof largest>): void => {
    for (const [name, size] of Object.entries(of) as [keyof typeof largest, number][])
      largest[name] = Math.max(largest[name], size);
  };
  for (const round of roundsOf(method, tasks)) {
    const drawn = new RoundBatches(settings, tasks, round, samples, network);
    let drawnBatches = 0;
    for (let epoch = 0; epoch < drawn.epochs; epoch++) {
      const order = drawn.ofEpoch(epoch, []);
      steps[round.number - 1] += Math.ceil(order.length / gradientAccumulation);
      drawnBatches += order.length;
      for (const rows of order) {
        const [sources, labels] = (['source', 'label'] as const).map((of) => rows.map((one) => one[of]));
        grow({ B: rows.length, S: longestOf(sources), T: longestOf(labels), tokens: network.tokensIn(rows) });
        grow({ sources: sources.flat().length, labels: labelTokensOf(rows) });
      }
    }
    batches = Math.max(batches, drawnBatches);
  }
  return { steps, batches, largest };
}

/** Refuses batches without room for the longest example. */
function checkRoom(
  batchTokens: number,
  tasks: readonly EncodedTask[],
  tokensOf: (example: EncodedExample) => number,
): void {
  const longestIn = tasks.map(({ train }) => train.reduce((most, example) => Math.max(most, tokensOf(example)), 0));
  const most = Math.max(...longestIn);
  if (most <= batchTokens) return;
  const { name } = tasks[longestIn.indexOf(most)];
  throw new GorpError(
    'settings/batch-tokens',
    `An example of ${name} has ${most} tokens with its answer, more than the ${batchTokens} of a batch.`,
    `Set “Tokens in a batch” (training.batchTokens) to at least ${most}, or to 0 to count examples instead; or shorten prompts (training.sourceLength).`,
  );
}

/** The work of a run on encoded tasks. @param shares whether what sources of a test begin with is read once for all. */
export function workOf(
  { method, training }: Planned,
  tasks: readonly EncodedTask[],
  shares: boolean,
  { protects = [], replayed = [], questions = null, general = null, packed }: Beside = {},
): PlannedWork {
  const { batchSize, targetLength, evaluationBatchSize, epochs } = training;
  const batchesOf = (trains: readonly number[]): number =>
    Math.ceil(trains.reduce((sum, task) => sum + tasks[task].train.length, 0) / batchSize);
  const heldOut = tasks.flatMap(({ validation }) => validation);
  const tested = tasks.filter(({ test }) => test.length > 0); // tests of tasks taught earlier may not be at hand
  const answered = answeredPrompts(method, tasks, replayed);
  const batch = largestBatch({ method, training }, tasks, 'train', batchSize, answered);
  return {
    tasks: roundsOf(method, tasks).length,
    batch,
    packed: packed?.largest,
    shapes: packed?.batches ?? epochs * Math.max(...roundsOf(method, tasks).map(({ trains }) => batchesOf(trains))),
    validation:
      heldOut.length === 0
        ? null
        : largestBatch({ method, training }, tasks, 'validation', Math.min(batchSize, evaluationBatchSize)),
    protects,
    generalText: general && {
      rows: largestScoring(general, tokensIn(batch)),
      tokens: tokensOf([...general.passages, ...general.prompts.flatMap(({ examples }) => examples)]),
    },
    tests: distinct(
      tested.flatMap(({ form, test, candidates }) => {
        if (form !== 'labels') return [];
        const sizes = largestSources(evenChunks(test, evaluationBatchSize), shares);
        const tree = labelTree(candidates);
        const shared = shares ? sharedTokens(test) : 0;
        const S = longestOf(test.map(({ source }) => source)) - shared;
        const pool = { B: Math.min(evaluationBatchSize, test.length), S, shared };
        return [{ ...sizes, ...sizesOfTrees(new Array<LabelTree>(sizes.B).fill(tree)), pool }];
      }),
    ),
    freeTests: tested.flatMap((task) => (task.form === 'labels' ? [] : [largestOfFreeTest(task, training, shares)])),
    ...(questions !== null && {
      questions: plannedAnswers(questions.prompts, { rows: questions.rows, answer: ANSWER_TOKENS }, shares),
    }),
    ...(answered.length > 0 && {
      ownAnswers: answered.map(({ prompts, answer, share }): PlannedAnswers => {
        const all = plannedAnswers(prompts, { rows: evaluationBatchSize, answer }, shares);
        return { ...all, read: share * all.read, written: share * all.written };
      }),
    }),
    answer: answerLengthOf(targetLength, tasks),
  };
}

/** Prompts that the model answers itself, tokens of an answer at most, and the share of the prompts that it answers. */
function answeredPrompts(
  method: Planned['method'],
  tasks: readonly EncodedTask[],
  replayed: readonly EncodedExample[],
): { prompts: readonly EncodedExample[]; answer: number; share: number }[] {
  if (replayed.length > 0) return [{ prompts: replayed, answer: GENERAL_ANSWER, share: 1 }];
  const plan = planOf(method);
  if (needsOf(plan).ownAnswers !== 'self') return [];
  const share = partOf(plan, 'replay')?.memory ?? 1;
  return tasks.flatMap(({ train, answerless = train, longestAnswer }) =>
    answerless.length === 0 ? [] : [{ prompts: answerless, answer: longestAnswer, share }],
  );
}

const roundsOf = (method: Planned['method'], tasks: readonly EncodedTask[]): Round[] =>
  scheduledRounds(planOf(method).schedule, tasks.filter(({ watched }) => !watched).length);

/** The largest batch of what rounds train on, or hold out. @param most rows. @param answered what else it may replay. */
function largestBatch(
  { method }: Planned,
  tasks: readonly EncodedTask[],
  part: 'train' | 'validation',
  most: number,
  answered: ReturnType<typeof answeredPrompts> = [],
): PlannedBatch {
  const rounds = roundsOf(method, tasks).map(({ trains }) => trains.flatMap((task) => tasks[task][part]));
  const replayed = answered.flatMap(({ prompts, answer }) => {
    const label = new Array<number>(answer).fill(0);
    return prompts.map(({ source }) => ({ source, label }));
  });
  const all = [...rounds.flat(), ...replayed];
  const [S, T] = (['source', 'label'] as const).map((of) => longestOf(all.map((one) => one[of])));
  const B = Math.min(most, Math.max(...rounds.map(({ length }) => length)));
  const { replayShare, byPrompt } = needsOf(planOf(method));
  const isMixed = replayShare !== undefined;
  // Of the rounds whose batches may be the largest, the one whose examples share the fewest tokens. A batch with
  // examples of several tasks may share nothing.
  const shared = rounds
    .filter(({ length }) => length > 0)
    .map((examples) => {
      const spare = S - longestOf(examples.map(({ source }) => source));
      return (isMixed ? 0 : sharedTokens(examples)) + Math.floor((spare * B) / Math.max(1, B - 1));
    });
  const together = isMixed ? [all] : rounds;
  const tokens = together.map((examples) => {
    const lengths = examples.map(({ source, label }) => source.length + label.length - 1);
    const own = isMixed || byPrompt !== undefined ? 0 : sharedTokens(examples);
    return sumOfLargest(lengths, B) - (Math.min(B, lengths.length) - 1) * own;
  });
  const [sources, labels] = (['source', 'label'] as const).map((of) =>
    together.map((examples) =>
      sumOfLargest(
        examples.map((one) => one[of].length),
        B,
      ),
    ),
  );
  return {
    B,
    S,
    T,
    shared: Math.min(S - 1, ...shared),
    tokens: Math.max(...tokens),
    sources: Math.max(...sources),
    labels: Math.max(...labels),
  };
}

const sumOfLargest = (values: readonly number[], count: number): number =>
  values
    .toSorted((a, b) => b - a)
    .slice(0, count)
    .reduce((sum, value) => sum + value, 0);

/** Tokens of a planned batch, if its examples share none. */
export const tokensIn = ({ B, S, T }: PlannedBatch): number => B * (S + T);

/** Tokens of the largest batch of training. */
export const trainingTokens = (
  settings: Planned,
  tasks: readonly EncodedTask[],
  replayed: readonly EncodedExample[],
): number => {
  const answered = answeredPrompts(settings.method, tasks, replayed);
  return tokensIn(largestBatch(settings, tasks, 'train', settings.training.batchSize, answered));
};

/** Returns the facts of an encoded task that the time of a run depends on. */
export function plannedTask(task: EncodedTask): PlannedTask {
  const { name, train, protects, validation, test, form, candidates, longestAnswer } = task;
  const texts = [...train, ...protects, ...test];
  return {
    name,
    train: train.length,
    test: test.length,
    heldOut: validation.length,
    protects: protects.length,
    promptTokens: texts.reduce((sum, { source }) => sum + source.length, 0) / Math.max(1, texts.length),
    shared: sharedTokens(test),
    nodes: form === 'labels' && candidates.length > 0 ? labelTree(candidates).tokens.length : 0,
    answerTokens: longestAnswer,
  };
}

/**
 * The work of a run whose tasks have not been read: prompts of full length, and labels by the length of their text.
 *
 * @param labels of each task; empty if unknown.
 */
export function workAhead({ method, training }: Planned, labels: readonly (readonly string[])[]): PlannedWork {
  const { batchSize, sourceLength: S, targetLength, evaluationBatchSize: B } = training;
  const answers = answersAhead(training, labels);
  const { protects, ownAnswers } = needsOf(planOf(method));
  const T = Math.max(...answers.map((answer) => answer.T), ownAnswers === 'general' ? GENERAL_ANSWER : 0);
  const { batchTokens } = training;
  const packed = { B: Math.max(1, Math.floor(batchTokens / (S + T))), S, T, shared: 0 };
  return {
    tasks: scheduledRounds(planOf(method).schedule, labels.length).length,
    batch: { B: batchSize, S, T, shared: 0 },
    packed: batchTokens > 0 ? packed : undefined,
    shapes: Infinity,
    validation: training.validationExamples > 0 ? { B: Math.min(batchSize, B), S, T, shared: 0 } : null,
    protects: protects ? [{ B: batchSize, S, T, shared: 0 }] : [],
    generalText: null, // takes less than a step, and less than a tenth of the time of tests
    tests: distinct(answers.map((answer) => testAhead(B, S, answer))),
    freeTests: [],
    answer: answerLength(targetLength, T),
  };
}

/** A test of B sources of S tokens, whose labels share nothing. */
export const testAhead = (
  B: number,
  S: number,
  { nodes, choices }: { nodes: number; choices: number },
): PlannedTest => ({
  B,
  tokens: B * S,
  nodes: B * nodes,
  choices: B * choices,
  runs: B * nodes,
  pool: { B, S, shared: 0 },
});

const distinct = (tests: readonly PlannedTest[]): PlannedTest[] => [
  ...new Map(tests.map((sizes) => [JSON.stringify(sizes), sizes])).values(),
];
