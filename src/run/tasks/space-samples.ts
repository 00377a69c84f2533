import type { Batch } from '../../base/batch.ts';
import { chunks } from '../../base/statistics.ts';
import { needsOf } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import type { Network } from '../../models/network.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { GENERAL_PROMPTS } from '../../tasks/general-prompts.ts';
import type { RunSettings } from '../settings/settings.ts';

/**
 * Prompts from which a task's space of inputs is built. Reading one takes a good half of what training on it takes, so
 * many would cost more than the steps of a short task. A layer that sees only answers has a few inputs for each: where
 * there are such layers, each prompt is read with several answers. A small model reads many prompts instead, in which
 * it forgets less; that takes seconds. So does one whose layers depend on the prompt, since no answers share it then.
 */
const PROMPTS = { whole: 48, severalAnswers: 40, apart: 192 };
/** Width of a small model, at most. */
const SMALL = 256;
/** Prompts that tell how much of a new task's inputs lies outside the spaces: a mean over all layers, so few will do. */
const RATES_SAMPLE = 16;
/** Tokens of the answers to a prompt, and most answers: more would take longer than the prompt. */
const ANSWERS = { tokens: 16, most: 4 };

/** Examples that are drawn of a watched task to protect what it uses: as many as the largest sample. */
export const PROTECTED_EXAMPLES = PROMPTS.apart;

/** The examples that a method reads when a task begins and when it ends. */
export interface SpaceSamples {
  /** Prompts, at most. */
  readonly begin: number;
  readonly end: number;
  /** Whether each prompt is read with several of the task's answers, its own and others. */
  readonly hasSeveralAnswers: boolean;
}

export function spaceSamples(
  method: RunSettings['method'],
  { readsAnswersApart, embeddingWidth, byPrompt }: Pick<Network, 'readsAnswersApart' | 'embeddingWidth' | 'byPrompt'>,
): SpaceSamples {
  const { inputsAtBegin, inputsAtEnd } = needsOf(planOf(method));
  if (!inputsAtEnd) return { begin: 0, end: 0, hasSeveralAnswers: false };
  const hasSeveralAnswers = readsAnswersApart && embeddingWidth > SMALL && !byPrompt;
  const end = !readsAnswersApart ? PROMPTS.whole : hasSeveralAnswers ? PROMPTS.severalAnswers : PROMPTS.apart;
  const begin = inputsAtBegin === 'all' ? end : inputsAtBegin === 'some' ? RATES_SAMPLE : 0;
  return { begin, end, hasSeveralAnswers };
}

/**
 * Examples that stand for what the model could do before, at most: as many as there are general prompts, since they stand
 * for all that people ask, where a task's prompts stand for one thing (docs/studies/keeping.md).
 */
export const protectedMost = ({ end }: SpaceSamples): number => Math.max(end, GENERAL_PROMPTS.train.length);

/** How many answers are read with each prompt. @param tokens of the longest answer. */
export const answersOfPrompt = ({ hasSeveralAnswers }: SpaceSamples, tokens: number): number =>
  hasSeveralAnswers ? Math.min(ANSWERS.most, Math.max(1, Math.floor(ANSWERS.tokens / tokens))) : 1;

/**
 * Batches of examples from all parts of the data, at equal distances; those of similar length are together, so that
 * less is padding, if a model pads.
 *
 * @param most examples.
 */
export function sampleBatches(
  examples: readonly EncodedExample[],
  most: number,
  { batchSize }: Pick<RunSettings['training'], 'batchSize'>,
  samples: SpaceSamples,
): Batch[] {
  const { length } = examples;
  const count = Math.min(most, length);
  const indexes = Array.from({ length: count }, (_, i) => Math.floor((i * length) / count));
  const tokensOf = (index: number): number => examples[index].source.length + examples[index].label.length;
  indexes.sort((a, b) => tokensOf(b) - tokensOf(a));
  const batches = chunks(indexes, batchSize).map((some) => some.map((index) => examples[index]));
  if (!samples.hasSeveralAnswers) return batches;
  const labels = distinctLabels(examples);
  return batches.map((batch) => withAnswers(batch, labels, samples));
}

/** The different labels of examples, in order of appearance. */
const distinctLabels = (examples: readonly EncodedExample[]): readonly (readonly number[])[] => [
  ...new Map(examples.map(({ label }) => [label.join(), label])).values(),
];

/** The batch with several labels for each source: its own and those that follow it among all. */
function withAnswers(batch: Batch, labels: readonly (readonly number[])[], samples: SpaceSamples): Batch {
  const T = labels.reduce((longest, { length }) => Math.max(longest, length), 1);
  const answers = Math.min(labels.length, answersOfPrompt(samples, T));
  if (answers === 1) return batch;
  return batch.flatMap(({ source, label }) => {
    const own = labels.findIndex((one) => one.join() === label.join());
    return Array.from({ length: answers }, (_, i) => ({ source, label: labels[(own + i) % labels.length] }));
  });
}
