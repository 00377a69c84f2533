import { GorpError } from '../base/errors.ts';
import { mixSeed, seededRandom, shuffled } from '../base/random.ts';
import { plainChat } from '../text/chat-turn.ts';
import { readConversation } from './formats/conversation.ts';
import type { ChatAnswers, Columns } from './forms.ts';
import type { Table } from './table.ts';
import type { Example } from './task.ts';

/** The place of a column in the rows of a table. @throws GorpError `tasks/unknown-column`. */
export function columnIndex({ columns }: Pick<Table, 'columns'>, name: string): number {
  const column = columns.indexOf(name);
  if (column >= 0) return column;
  throw new GorpError('tasks/unknown-column', `The file has no column “${name}”.`, 'Choose one of its columns.');
}

/** The text of a row, of one column or of two, one below the other. @throws GorpError `tasks/unknown-column`. */
export function textAt(
  table: Table,
  textColumn: string,
  inputColumn: string | null,
): (row: readonly string[]) => string {
  const text = columnIndex(table, textColumn);
  const input = inputColumn === null ? null : columnIndex(table, inputColumn);
  return (row) => {
    const [first, second] = [row[text].trim(), input === null ? '' : row[input].trim()];
    return second === '' ? first : first === '' ? second : `${first}\n${second}`;
  };
}

/** Examples with free answers. A unit stays on one side of the split: a row, a conversation or a document. */
interface Answered {
  readonly units: readonly (readonly Example[])[];
  /** Sentences about what was left out. */
  readonly warnings: string[];
}

/**
 * Takes examples with free answers from a table, as its columns say. A row is left out, and counted by reason, if its
 * text or its answer is missing or cannot be learned.
 *
 * @throws GorpError `tasks/unknown-column`; `tasks/empty` if no row is left.
 */
export function answeredTexts(table: Table, columns: Columns, chatAnswers: ChatAnswers): Answered {
  const left = new Map<string, number[]>();
  const read = readers[columns.form === 'labels' ? 'free' : columns.form](table, columns, chatAnswers);
  const isRefused = refusals(table, columns);
  const units = table.rows.flatMap((values, i) => {
    const row = table.lines[i];
    const found = isRefused(values) ?? read(values);
    if (typeof found !== 'string') return [found.map((example) => ({ ...example, row }))];
    left.set(found, [...(left.get(found) ?? []), row]);
    return [];
  });
  const warnings = Array.from(left, ([why, rows]) => {
    const count = rows.length === 1 ? 'One row' : `${rows.length} rows`;
    return `${count} left out: ${why} (${rowsNamed(rows)}).`;
  });
  if (units.length > 0) return { units, warnings };
  throw new GorpError(
    'tasks/empty',
    `No row can be learned${warnings.length > 0 ? ` (${[...left.keys()].join(', ')})` : ''}.`,
    'Choose other columns, or say that the answers are of another form.',
  );
}

/** Rows by their numbers, the first five of many: `rows 3, 7`. */
export const rowsNamed = (rows: readonly number[]): string =>
  `${rows.length === 1 ? 'row' : 'rows'} ${rows.slice(0, 5).join(', ')}${rows.length > 5 ? ', …' : ''}`;

/** Columns of what a model that only reads would not see. */
const MEDIA = /^(?:images?|videos?|audios?)$/i;

/**
 * Why a row cannot be learned for what its other columns say: its answer depends on an image or a sound, or its `label`,
 * true or false in every row, says that the answer is a bad one (KTO).
 */
function refusals({ columns, rows }: Table, { form, textColumn, inputColumn, labelColumn }: Columns) {
  const others = [...columns.keys()].filter((at) => ![textColumn, inputColumn, labelColumn].includes(columns[at]));
  const media = others.filter((at) => MEDIA.test(columns[at]));
  const isTruth = (at: number): boolean => rows.every((row) => /^(?:true|false)$/i.test(row[at]));
  const marks = others.filter((at) => columns[at].toLowerCase() === 'label' && isTruth(at));
  return (row: readonly string[]): string | null => {
    if (form === 'text') return null;
    if (media.some((at) => !['', '[]'].includes(row[at].trim()))) return 'images or sounds';
    return marks.some((at) => /^false$/i.test(row[at])) ? 'answers marked as bad' : null;
  };
}

/** Reads a row as a unit, or says why it is left out. */
type Reader = (table: Table, columns: Columns, chatAnswers: ChatAnswers) => (row: string[]) => Example[] | string;

const readers: Readonly<Record<'free' | 'chat' | 'text', Reader>> = {
  free: (table, { textColumn, inputColumn, labelColumn }) => {
    const text = textAt(table, textColumn, inputColumn);
    const answer = columnIndex(table, labelColumn);
    const isNested = table.nested.includes(labelColumn);
    return (row) => {
      const sentence = text(row);
      if (sentence === '') return 'no text';
      const answers = isNested ? answersIn(row[answer]) : [row[answer]];
      if (answers === null) return 'an answer that is no text';
      const [label, ...others] = [...new Set(answers.map((one) => one.trim()).filter((one) => one !== ''))];
      if (label === undefined) return 'no answer';
      return [{ sentence, label, ...(others.length > 0 && { others }) }];
    };
  },
  chat: (table, { textColumn }, chatAnswers) => {
    const at = columnIndex(table, textColumn);
    const beside = (wanted: string): number =>
      table.columns.findIndex((name, i) => i !== at && name.toLowerCase() === wanted);
    const [chosen, system, tools] = ['chosen', 'system', 'tools'].map(beside);
    return (row) => {
      if (!['', '[]', 'null'].includes(row[tools]?.trim() ?? '')) return 'tool calls';
      const found = readConversation(row[at], row[chosen], row[system]);
      if ('skip' in found) return found.skip;
      const { turns } = found;
      const ends = [...turns.keys()].filter((i) => turns[i].role === 'assistant');
      return (chatAnswers === 'last' ? ends.slice(-1) : ends).map((end) => {
        const before = turns.slice(0, end);
        return { sentence: plainChat(before), label: turns[end].content, turns: before };
      });
    };
  },
  text: (table, { textColumn }) => {
    const at = columnIndex(table, textColumn);
    return (row) => (row[at].trim() === '' ? 'no text' : [{ sentence: '', label: row[at] }]);
  },
};

/** Acceptable answers in a cell: a text, a list of texts, or an object with such a list (SQuAD). Null for others. */
function answersIn(cell: string): string[] | null {
  let value: unknown;
  try {
    value = JSON.parse(cell);
  } catch {
    return [cell]; // a plain text among lists
  }
  if (typeof value === 'object' && value !== null && 'text' in value) value = value.text;
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) return isPlain(value) ? [cell] : null;
  return value;
}

const isPlain = (value: unknown): boolean => typeof value === 'number' || typeof value === 'boolean';

/**
 * Splits units into a training and a test part. Units that begin with the same text stay on one side. A single document
 * is cut at the end of a line, and its end is tested.
 *
 * @param testShare in (0, 1).
 */
export function splitUnits(
  units: Answered['units'],
  testShare: number,
  seed: number,
): { train: Example[]; test: Example[] } {
  const keyOf = ([first]: readonly Example[]): string => (first.sentence === '' ? first.label : first.sentence);
  const keys = [...new Set(units.map(keyOf))];
  if (keys.length === 1) return splitDocument(units[0][0], testShare);
  const count = Math.min(keys.length - 1, Math.max(1, Math.round(testShare * keys.length)));
  const tested = new Set(shuffled(keys, seededRandom(mixSeed(seed, 'split', ''))).slice(0, count));
  const [train, test] = [false, true].map((isTest) =>
    units.filter((unit) => tested.has(keyOf(unit)) === isTest).flat(),
  );
  return { train, test };
}

function splitDocument(document: Example, testShare: number): { train: Example[]; test: Example[] } {
  const { sentence, label } = document;
  if (sentence !== '') return { train: [document], test: [] };
  const middle = Math.round((1 - testShare) * label.length);
  const line = label.indexOf('\n', Math.max(0, middle - 1));
  const space = label.indexOf(' ', middle);
  const at = line >= 0 && line < label.length - 1 ? line + 1 : space >= 0 ? space + 1 : label.length;
  const [before, after] = [label.slice(0, at), label.slice(at)];
  if (before.trim() === '' || after.trim() === '') return { train: [document], test: [] };
  return { train: [{ sentence, label: before }], test: [{ sentence, label: after }] };
}
