import { GorpError } from '../base/errors.ts';
import { isTooDeep, MAX_NESTING } from '../base/nesting.ts';
import { exportedConversations } from './formats/chat-export.ts';
import { checkCells, checkCharacters, checkedRows, type JsonRecords, MAX_COLUMNS } from './records.ts';

/** The column with the task's description, the same in every row. */
export const DEFINITION = 'definition';

/** A task of SuperNI as published: its description, and examples with several right answers each. */
interface SuperNi {
  readonly Definition: readonly string[] | string;
  readonly Instances: readonly { input: string; output: readonly string[] | string }[];
}

/** Whether parsed JSON is a task of SuperNI. */
function isSuperNi(json: unknown): json is SuperNi {
  if (typeof json !== 'object' || json === null) return false;
  const { Definition: definition, Instances: instances } = json as Record<string, unknown>;
  const isText = (value: unknown): boolean =>
    typeof value === 'string' || (Array.isArray(value) && value.every((one) => typeof one === 'string'));
  return (
    isText(definition) &&
    Array.isArray(instances) &&
    instances.every((one: unknown) => {
      const { input, output } = (one ?? {}) as Record<string, unknown>;
      return typeof input === 'string' && isText(output);
    })
  );
}

/** The examples of a SuperNI file as rows, with the description in a column of its own. */
function superNiRows({ Definition: definition, Instances: instances }: SuperNi): JsonRecords {
  const described = (typeof definition === 'string' ? definition : (definition[0] ?? '')).trim();
  const rows = instances.map(({ input, output }) => [
    described,
    input,
    JSON.stringify(typeof output === 'string' ? [output] : output),
  ]);
  return { columns: [DEFINITION, 'input', 'output'], rows, lines: rows.map((_, i) => i + 1), nested: ['output'] };
}

/** SQuAD as published, 1.1 or 2.0: articles of paragraphs, each with questions about it. */
interface Squad {
  readonly data: readonly { readonly paragraphs: readonly Paragraph[] }[];
}

interface Paragraph {
  readonly context: string;
  readonly qas: readonly { readonly question: string; readonly answers: readonly { readonly text: string }[] }[];
}

/** Whether parsed JSON is a file of SQuAD. */
const isSquad = (json: unknown): json is Squad =>
  isListOf(fieldOf(json, 'data'), (article) => isListOf(fieldOf(article, 'paragraphs'), isParagraph));

const isParagraph = (paragraph: unknown): boolean =>
  typeof fieldOf(paragraph, 'context') === 'string' &&
  isListOf(
    fieldOf(paragraph, 'qas'),
    (qa) =>
      typeof fieldOf(qa, 'question') === 'string' &&
      isListOf(fieldOf(qa, 'answers'), (answer) => typeof fieldOf(answer, 'text') === 'string'),
  );

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

const isListOf = (value: unknown, isOne: (one: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isOne);

/** The questions of a SQuAD file as rows, each with its paragraph and its right answers: none if it has no answer. */
function squadRows({ data }: Squad): JsonRecords {
  const rows = data.flatMap(({ paragraphs }) =>
    paragraphs.flatMap(({ context, qas }) =>
      qas.map(({ question, answers }) => [question, context, JSON.stringify(answers.map(({ text }) => text))]),
    ),
  );
  return {
    columns: ['question', 'context', 'answers'],
    rows,
    lines: rows.map((_, i) => i + 1),
    nested: ['answers'],
  };
}

// A JSON escape can write half a character, which has no encoding.
const LONE_SURROGATE = /\p{Surrogate}/gu;

/**
 * Parses a JSON file: a list of objects, a task of SuperNI, SQuAD, or an export of ChatGPT or Claude.
 *
 * @throws GorpError `tasks/malformed-json`, `tasks/wrong-shape`, `tasks/too-large`.
 */
export function parseJsonRows(text: string, name: string): JsonRecords {
  const json: unknown = parsed(text, name);
  const published = isSuperNi(json) ? superNiRows(json) : isSquad(json) ? squadRows(json) : null;
  if (published !== null) return checkedRows(published, name);
  const rows = exportedConversations(json) ?? json;
  if (!Array.isArray(rows)) throw wrongShape(name, 'not a list of objects');
  return tabulated(rows, name, { where: (i) => `${name}, entry ${i + 1}` });
}

/** Parses a JSONL file, one object per line, skipping blank lines. @throws as {@link parseJsonRows}. */
export function parseJsonLines(text: string, name: string): JsonRecords {
  const lines = text.split(/\r\n|\n|\r/).map((content, i) => ({ content, line: i + 1 }));
  const filled = lines.filter(({ content }) => content.trim() !== '');
  const rows = filled.map(({ content, line }) => parsed(content, `${name}, line ${line}`));
  const lineOf = (i: number): number => filled[i].line;
  return tabulated(rows, name, { where: (i) => `${name}, line ${lineOf(i)}`, lineOf });
}

// The beginning of a string, or a number.
const STRING_OR_NUMBER = /"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
// Of numbers with fewer digits and smaller exponents, JSON.parse keeps every digit.
const MANY_DIGITS = /\d(?:\.?\d){15}|[eE][+-]?\d{3}/;

/**
 * The text of JSON with numbers as strings that JSON.parse might round, those of 16 digits or more and those with an
 * exponent of three: two labels could become one.
 */
export function withExactNumbers(text: string): string {
  if (!MANY_DIGITS.test(text)) return text;
  const parts: string[] = [];
  let written = 0;
  STRING_OR_NUMBER.lastIndex = 0;
  for (let found = STRING_OR_NUMBER.exec(text); found !== null; found = STRING_OR_NUMBER.exec(text)) {
    const [part] = found;
    if (part === '"') STRING_OR_NUMBER.lastIndex = endOfString(text, found.index);
    else if (MANY_DIGITS.test(part)) {
      parts.push(text.slice(written, found.index), `"${part}"`);
      written = found.index + part.length;
    }
  }
  return parts.join('') + text.slice(written);
}

/** The position after a string of JSON that begins at `at`. No pattern finds it: it may have millions of characters. */
function endOfString(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slash = end - 1;
    while (text[slash] === '\\') slash--;
    if ((end - slash) % 2 === 1) return end + 1;
  }
  return text.length;
}

function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(withExactNumbers(text));
  } catch (cause) {
    throw new GorpError(
      'tasks/malformed-json',
      `${where} is not JSON (${cause instanceof Error ? cause.message : String(cause)}).`,
      'Correct the file and choose it again: .json holds one list of objects, .jsonl one object per line.',
      { cause },
    );
  }
}

/** How rows are read. */
interface Reading {
  /** Names a row in errors. */
  where: (row: number) => string;
  /** The line of a row, from 1; its position by default. */
  lineOf?: (row: number) => number;
  /** Columns that are known before the rows. */
  columns?: readonly string[];
  /** Returns the value to write as JSON; the value itself by default. */
  jsonOf?: (column: string, value: unknown) => unknown;
}

/**
 * Objects as rows of a table. Their limits are checked row by row, since sparse or repeated values would fill the memory.
 *
 * @param name of the file.
 * @throws GorpError `tasks/wrong-shape`, `tasks/too-large`, and what `jsonOf` throws.
 */
export function tabulated(
  rows: readonly unknown[],
  name: string,
  { where, lineOf = (i) => i + 1, columns: known = [], jsonOf = (_, value) => value }: Reading,
): JsonRecords {
  const columns = new Map(known.map((key, i) => [key, i]));
  const nested = new Set<string>();
  let characters = 0;
  const cells = rows.map((row, i) => {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) throw wrongShape(where(i), 'not an object');
    const values: string[] = Array.from(columns, () => '');
    for (const [key, given] of Object.entries(row)) {
      const value = jsonOf(key, given);
      let column = columns.get(key);
      if (column === undefined) columns.set(key, (column = columns.size));
      if (columns.size > MAX_COLUMNS) throw wrongShape(where(i), `the objects have more than ${MAX_COLUMNS} keys`);
      if (typeof value === 'object' && value !== null) {
        if (isTooDeep(value)) throw wrongShape(where(i), `“${key}” is nested more than ${MAX_NESTING} deep`);
        nested.add(key);
      }
      values[column] = value === null ? '' : cellOf(value as Cell, name);
      characters += values[column].length;
    }
    checkCharacters(name, characters);
    checkCells(name, i + 1, columns.size);
    return values;
  });
  // Keys that later objects brought.
  for (const values of cells) while (values.length < columns.size) values.push('');
  return { columns: [...columns.keys()], rows: cells, lines: rows.map((_, i) => lineOf(i)), nested: [...nested] };
}

type Cell = string | number | boolean | object;

function cellOf(value: Cell, name: string): string {
  if (typeof value === 'object') checkCharacters(name, charactersIn(value));
  return (typeof value === 'object' ? JSON.stringify(value) : String(value)).replace(LONE_SURROGATE, '\ufffd');
}

/** Characters of the texts in lists and objects, which may repeat one that their file has once. */
const charactersIn = (value: object): number =>
  Object.values(value).reduce<number>(
    (sum, one: unknown) =>
      sum + (typeof one === 'string' ? one.length : typeof one === 'object' && one !== null ? charactersIn(one) : 0),
    0,
  );

const wrongShape = (where: string, what: string): GorpError =>
  new GorpError(
    'tasks/wrong-shape',
    `${where}: ${what}.`,
    'Write a list of objects such as [{"text": "…", "label": "…"}], as pandas does with orient="records", and choose the file again.',
  );
