import { columnIndex } from './answered.ts';
import type { Table } from './table.ts';

/**
 * The kinds of CL_Benchmark with the question of their prompts, without the line feed after it; COPA has none. Custom
 * tasks may use a kind and its question, or have their own.
 */
export const KINDS: Readonly<Record<string, string | null>> = {
  SC: 'What is the sentiment of the following paragraph? Choose one from the option.',
  TC: 'What is the topic of the following paragraph? Choose one from the option.',
  NLI: 'What is the logical relationship between the "sentence 1" and the "sentence 2"? Choose one from the option.',
  QQP: 'Whether the "first sentence" and the "second sentence" have the same meaning? Choose one from the option.',
  BoolQA: 'According to the following passage, is the question true or false? Choose one from the option.',
  COPA: null,
  MultiRC:
    'According to the following passage and question, is the candidate answer true or false? Choose one from the option.',
  WiC: 'Given a word and two sentences, whether the word is used with the same sense in both sentence? Choose one from the option.',
};

/** A kind of tasks with labels, and its question. */
export interface LikelyKind {
  readonly kind: string;
  readonly instruction: string | null;
}

const SENTIMENT_NAMES = /sentiment|polarity|rating|stars/i;
const SENTIMENTS =
  /^(?:(?:very |somewhat )?(?:positive|negative)|pos|neg|neutral|mixed|good|bad|great|poor|terrible)$/i;
/** Names of columns that say nothing of what their labels mean. */
const GENERAL_NAMES =
  /^(?:.*[^a-z])?(?:labels?|class(?:es)?|categor(?:y|ies)|target|topic|answer|output|response|y)(?:[^a-z].*)?$/i;
/** A word or two that a question can name. */
const WORDS = /^[a-z]{3,}(?:[ _-][a-z]{3,})?$/i;

/** The kind of a task with labels that its column's name and values suggest: sentiment, what the name says, or topic. */
export function likelyKind(table: Table, labelColumn: string): LikelyKind {
  const at = columnIndex(table, labelColumn);
  const values = [...new Set(table.rows.map((row) => row[at].trim()))].filter((value) => value !== '');
  const isSentiment =
    SENTIMENT_NAMES.test(labelColumn) || (values.length > 1 && values.every((value) => SENTIMENTS.test(value)));
  if (isSentiment) return { kind: 'SC', instruction: KINDS['SC'] ?? null };
  const topic = { kind: 'TC', instruction: KINDS['TC'] ?? null };
  // Only words are asked for, and the other pattern takes a time that grows as the square of what is not.
  if (!WORDS.test(labelColumn) || GENERAL_NAMES.test(labelColumn)) return topic;
  const word = labelColumn.replace(/[_-]/g, ' ').toLowerCase();
  return { ...topic, instruction: `What is the ${word} of the following paragraph? Choose one from the option.` };
}
