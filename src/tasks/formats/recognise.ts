import type { Columns, TaskForm } from '../forms.ts';
import type { FrameName } from '../prompt.ts';
import { likelyKind, type LikelyKind } from '../kinds.ts';
import { ALPACA, CONVERSATION } from './alpaca.ts';
import { DEFINITION } from '../json-rows.ts';
import type { Table } from '../table.ts';

/** A known layout of files, by the names of its columns. */
interface Format {
  readonly name: string;
  readonly form: TaskForm;
  readonly text: string;
  readonly input?: readonly string[];
  readonly answer?: string;
  readonly frame: FrameName;
  /** Whether answers stay free even if there are few different ones. */
  readonly isPublished?: boolean;
  /** Whether the texts must be lists. */
  readonly isNested?: boolean;
}

const FORMATS: readonly Format[] = [
  { name: 'messages', form: 'chat', text: 'messages', frame: 'answer' },
  { name: 'ChatGPT’s export', form: 'chat', text: 'mapping', frame: 'answer' },
  { name: 'Claude’s export', form: 'chat', text: 'chat_messages', frame: 'answer' },
  { name: 'ShareGPT', form: 'chat', text: 'conversations', frame: 'answer' },
  { name: 'ShareGPT', form: 'chat', text: 'conversation', frame: 'answer' },
  {
    name: 'SuperNI',
    form: 'free',
    text: 'input',
    answer: 'output',
    frame: 'super-ni',
    isPublished: true,
    input: [],
  },
  {
    name: 'instructions',
    form: 'free',
    text: DEFINITION,
    input: ['input'],
    answer: 'output',
    frame: 'answer',
    isPublished: true,
  },
  { name: 'Alpaca', form: 'free', text: 'instruction', input: ['input'], answer: 'output', frame: 'answer' },
  { name: 'Alpaca', form: 'free', text: 'instruction', input: ['context'], answer: 'response', frame: 'answer' },
  // Of the answers that people preferred, as texts or as whole conversations.
  { name: 'preferences', form: 'chat', text: 'chosen', frame: 'answer', isNested: true },
  { name: 'preferences', form: 'chat', text: 'chosen_messages', frame: 'answer' },
  { name: 'preferences', form: 'free', text: 'prompt', answer: 'chosen', frame: 'bare' },
  { name: 'prompt and completion', form: 'free', text: 'prompt', answer: 'completion', frame: 'bare' },
  { name: 'prompt and completion', form: 'free', text: 'prompt', answer: 'response', frame: 'bare' },
  { name: 'TRACE', form: 'free', text: 'prompt', answer: 'answer', frame: 'bare', isPublished: true },
  {
    name: 'question and answer',
    form: 'free',
    text: 'question',
    input: ['context'],
    answer: 'answer',
    frame: 'answer',
  },
  {
    name: 'question and answer',
    form: 'free',
    text: 'question',
    input: ['context'],
    answer: 'answers',
    frame: 'answer',
  },
  { name: 'CL_Benchmark', form: 'labels', text: 'sentence', answer: 'label', frame: 'answer' },
];

/** The content of a file, as far as the names and values of its columns tell. */
export interface Recognised extends Columns {
  /** The layout; null if it is none of the known ones. */
  readonly format: string | null;
  readonly frame: FrameName;
  /** The task's description in the file; null if it has none. */
  readonly instruction: string | null;
  /** The kind and question for its labels, if answers are labels. */
  readonly kind: LikelyKind;
}

/** Recognises a file by the names of its columns, otherwise guesses from its values. */
export function recognise(table: Table): Recognised {
  const found = recognised(table);
  const labels = found.labelColumn === '' ? found.textColumn : found.labelColumn;
  return { ...found, kind: likelyKind(table, labels) };
}

function recognised(table: Table): Omit<Recognised, 'kind'> {
  const columnOf = (name: string): string | undefined =>
    table.columns.find((column) => column.toLowerCase() === name) ?? undefined;
  const definition = definitionOf(table);
  for (const format of FORMATS) {
    const [text, answer] = [columnOf(format.text), format.answer === undefined ? '' : columnOf(format.answer)];
    if (text === undefined || answer === undefined) continue;
    if (format.name === 'SuperNI' && definition === null) continue;
    if (format.isNested === true && !table.nested.includes(text)) continue;
    const found = format.input?.map(columnOf).find((name) => name !== undefined) ?? null;
    const isLabelled = format.form === 'free' && format.isPublished !== true && hasFewValues(table, answer);
    return {
      format: text === CONVERSATION && columnOf(ALPACA[0]) !== undefined ? 'Alpaca' : format.name,
      form: isLabelled ? 'labels' : format.form,
      textColumn: text,
      inputColumn: found,
      labelColumn: answer,
      frame: format.frame,
      instruction: definition,
    };
  }
  return guessed(table);
}

/** The description of all rows; null if there is none, or if rows have others. */
function definitionOf({ columns, rows }: Table): string | null {
  const at = columns.findIndex((column) => column.toLowerCase() === DEFINITION);
  const [first] = rows;
  const isOne = at >= 0 && rows.every((row) => row[at] === first[at]) && first[at].trim() !== '';
  return isOne ? first[at] : null;
}

const TEXT_NAMES = /^(text|sentence|review|content|comment|message|title|question)/i;
/** Whole words of a name: `gold_label` and `labelText` are labels, `classroom` is not. */
const LABEL_NAMES =
  /(?:^|[^a-z])(?:labels?|class(?:es)?|categor(?:y|ies)|target|sentiment|polarity|topic|rating|stars|intent|emotion)(?![a-z])/i;
const ANSWER_NAMES = /^(answer|output|response|summary|completion|highlights)/i;
/** The endings of the names of columns with a number for each row: `question_id`, `questionId`. */
const ID_NAMES = /(?:^|[^a-z])(?:id|idx|index|uuid)$/i;
const SAMPLE_ROWS = 100;

function guessed(table: Table): Omit<Recognised, 'kind'> {
  const { columns, rows } = table;
  const sample = rows.slice(0, SAMPLE_ROWS);
  const facts = likelyColumns(table).map((name) => {
    const i = columns.indexOf(name);
    return {
      name,
      length: sample.reduce((sum, row) => sum + row[i].length, 0),
      different: new Set(sample.map((row) => row[i])).size,
    };
  });
  const plain = { inputColumn: null, frame: 'answer', instruction: null } as const;
  const named = labelNamed(
    table,
    facts.map(({ name }) => name),
  );
  const answer = facts.find(({ name }) => name === named) ?? facts.find(({ name }) => ANSWER_NAMES.test(name));
  const text = facts.find(({ name }) => /^text$/i.test(name));
  if (facts.length === 1 || (text !== undefined && answer === undefined && !facts.some(hasFew(table, text.name)))) {
    const { name } = text ?? facts[0];
    return { ...plain, format: 'plain text', form: 'text', textColumn: name, labelColumn: '' };
  }
  // Answers repeat more than texts do, and stand after them.
  const untexted = facts.filter(({ name }) => !TEXT_NAMES.test(name));
  const label =
    answer ??
    (untexted.length > 0 ? untexted : facts).reduce((a, b) =>
      b.different > 1 && (a.different < 2 || b.different <= a.different) ? b : a,
    );
  const others = facts.filter((fact) => fact !== label);
  const chosen =
    others.find(({ name }) => TEXT_NAMES.test(name)) ?? others.reduce((a, b) => (b.length > a.length ? b : a));
  const form = named !== undefined || hasFewValues(table, label.name) ? 'labels' : 'free';
  return { ...plain, format: null, form, textColumn: chosen.name, labelColumn: label.name };
}

/** The columns without ids, rejected answers, and those of lists and objects, as far as enough are left. */
function likelyColumns({ columns, nested }: Table): readonly string[] {
  const isId = (name: string): boolean => ID_NAMES.test(words(name)) && !LABEL_NAMES.test(words(name));
  const others = columns.filter((name) => !isId(name) && !/^rejected/i.test(name));
  const plain = others.filter((name) => !nested.includes(name));
  return [plain, others].find(({ length }) => length >= 2) ?? (plain.length === 1 ? plain : columns);
}

/** A name with its words apart: `questionId`. */
const words = (name: string): string => name.replace(/([a-z])([A-Z])/g, '$1 $2');

/**
 * The column whose name says that it holds labels, above all one with few values: a number of stars may be an average.
 * Of several, words say more than numbers.
 */
function labelNamed(table: Table, names: readonly string[]): string | undefined {
  const named = names.filter((name) => LABEL_NAMES.test(words(name)));
  const few = named.filter((name) => hasFewValues(table, name));
  const isNumber = (name: string): boolean => {
    const at = table.columns.indexOf(name);
    return table.rows.every((row) => row[at].trim() === '' || Number.isFinite(Number(row[at])));
  };
  return few.find((name) => !isNumber(name)) ?? few[0] ?? named[0];
}

const hasFew =
  (table: Table, except: string) =>
  ({ name }: { name: string }): boolean =>
    name !== except && hasFewValues(table, name);

// A label is short and occurs several times, and all of them fit into a prompt.
const [MAX_VALUES, MAX_LENGTH, MAX_TOGETHER, MIN_ROWS_EACH] = [100, 40, 600, 3];

/** Whether a column has so few different values, all of them short, that they are labels. */
function hasFewValues({ columns, rows, nested }: Table, name: string): boolean {
  if (nested.includes(name)) return false;
  const at = columns.indexOf(name);
  const values = new Set<string>();
  let [filled, together] = [0, 0];
  for (const row of rows) {
    const value = row[at].trim();
    if (value === '') continue;
    if (value.length > MAX_LENGTH) return false;
    filled++;
    if (values.has(value)) continue;
    values.add(value);
    together += value.length;
    if (values.size > MAX_VALUES || together > MAX_TOGETHER) return false;
  }
  return values.size > 1 && filled >= MIN_ROWS_EACH * values.size;
}
