import { columnIndex } from './columns.ts';
import { KINDS } from './kinds.ts';
import type { Table } from './table.ts';

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
