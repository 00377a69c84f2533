import { needsOf } from '../gorp/method-plan.ts';
import { planOf } from '../methods/registry.ts';
import type { Network } from '../models/network.ts';
import type { RunSettings } from './settings.ts';

/**
 * Prompts from which a task's space of inputs is built. Reading one takes a good half of what training on it takes, so
 * many would cost more than the steps of a short task. A layer that sees only answers has a few inputs for each: where
 * there are such layers, each prompt is read with several answers. A small model reads many prompts instead, in which
 * it forgets less; that takes seconds. So does one with gates, which belong to a prompt and its one answer.
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

/** What a method reads when a task begins and when it ends. */
export interface SpaceSamples {
  /** Prompts, at most. */
  readonly begin: number;
  readonly end: number;
  /** Whether each prompt is read with several of the task's answers, its own and others. */
  readonly hasSeveralAnswers: boolean;
}

export function spaceSamples(
  method: RunSettings['method'],
  { readsAnswersApart, embeddingWidth }: Pick<Network, 'readsAnswersApart' | 'embeddingWidth'>,
): SpaceSamples {
  const { inputsAtBegin, inputsAtEnd, byPrompt } = needsOf(planOf(method));
  if (!inputsAtEnd) return { begin: 0, end: 0, hasSeveralAnswers: false };
  const hasSeveralAnswers = readsAnswersApart && embeddingWidth > SMALL && !byPrompt;
  const end = !readsAnswersApart ? PROMPTS.whole : hasSeveralAnswers ? PROMPTS.severalAnswers : PROMPTS.apart;
  const begin = inputsAtBegin === 'all' ? end : inputsAtBegin === 'some' ? RATES_SAMPLE : 0;
  return { begin, end, hasSeveralAnswers };
}

/** How many answers are read with each prompt. @param tokens of the longest answer. */
export const answersOfPrompt = ({ hasSeveralAnswers }: SpaceSamples, tokens: number): number =>
  hasSeveralAnswers ? Math.min(ANSWERS.most, Math.max(1, Math.floor(ANSWERS.tokens / tokens))) : 1;
