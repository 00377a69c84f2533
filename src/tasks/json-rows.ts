import { GorpError } from '../base/errors.ts';
import { isTooDeep, MAX_NESTING } from '../base/nesting.ts';
import { exportedConversations } from './formats/chat-export.ts';
import { isSquad, squadRows } from './formats/squad.ts';
import { isSuperNi, superNiRows } from './formats/super-ni.ts';
import type { JsonRecords } from './records.ts';

// More than any table of labelled texts has. Without limits, sparse objects would fill the memory with empty cells.
export const MAX_COLUMNS = 200;
const MAX_CELLS = 20_000_000;
// A JSON escape can write half a character, which has no encoding.
const LONE_SURROGATE = /\p{Surrogate}/gu;

/**
 * Parses a JSON file: a list of objects, a task of SuperNI, SQuAD, or an export of ChatGPT or Claude.
 *
 * @throws GorpError `tasks/malformed-json`, `tasks/wrong-shape`.
 */
export function parseJsonRows(text: string, name: string): JsonRecords {
  const json: unknown = parsed(text, name);
  if (isSuperNi(json)) return superNiRows(json);
  if (isSquad(json)) return squadRows(json);
  const rows = exportedConversations(json) ?? json;
  if (!Array.isArray(rows)) throw wrongShape(name, 'not a list of objects');
  return tabulated(
    rows,
    (i) => `${name}, entry ${i + 1}`,
    (i) => i + 1,
  );
}

/** Parses a JSONL file, one object per line, skipping blank lines. @throws as {@link parseJsonRows}. */
export function parseJsonLines(text: string, name: string): JsonRecords {
  const lines = text.split(/\r\n|\n|\r/).map((content, i) => ({ content, line: i + 1 }));
  const filled = lines.filter(({ content }) => content.trim() !== '');
  const rows = filled.map(({ content, line }) => parsed(content, `${name}, line ${line}`));
  return tabulated(
    rows,
    (i) => `${name}, line ${filled[i].line}`,
    (i) => filled[i].line,
  );
}

// A string, or a number as it is written.
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const MANY_DIGITS = /\d{16}/;

/**
 * The text with numbers of 16 digits or more as strings: JSON.parse would round them, and two labels could become one.
 */
export const withExactNumbers = (text: string): string =>
  MANY_DIGITS.test(text)
    ? text.replace(STRING_OR_NUMBER, (part) => (part.startsWith('"') || !MANY_DIGITS.test(part) ? part : `"${part}"`))
    : text;

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

/**
 * Objects as rows of a table.
 *
 * @param where names a row in errors.
 * @param lineOf the line of a row, from 1.
 * @throws GorpError `tasks/wrong-shape`.
 */
export function tabulated(
  rows: unknown[],
  where: (row: number) => string,
  lineOf: (row: number) => number,
): JsonRecords {
  const columns = new Map<string, number>();
  const nested = new Set<string>();
  const cells = rows.map((row, i) => {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) throw wrongShape(where(i), 'not an object');
    const values: string[] = [];
    for (const [key, value] of Object.entries(row)) {
      let column = columns.get(key);
      if (column === undefined) columns.set(key, (column = columns.size));
      if (columns.size > MAX_COLUMNS) throw wrongShape(where(i), `the objects have more than ${MAX_COLUMNS} keys`);
      if (typeof value === 'object' && value !== null) {
        if (isTooDeep(value)) throw wrongShape(where(i), `“${key}” is nested more than ${MAX_NESTING} deep`);
        nested.add(key);
      }
      values[column] = value === null ? '' : cellOf(value as string | number | boolean | object);
    }
    return values;
  });
  if (cells.length * columns.size > MAX_CELLS) {
    throw wrongShape(
      where(0),
      `${cells.length} objects with ${columns.size} different keys are more than a table can hold`,
    );
  }
  const filled = cells.map((values) => Array.from({ length: columns.size }, (_, i) => values[i] ?? ''));
  return { columns: [...columns.keys()], rows: filled, lines: rows.map((_, i) => lineOf(i)), nested: [...nested] };
}

const cellOf = (value: string | number | boolean | object): string =>
  (typeof value === 'object' ? JSON.stringify(value) : String(value)).replace(LONE_SURROGATE, '\ufffd');

const wrongShape = (where: string, what: string): GorpError =>
  new GorpError(
    'tasks/wrong-shape',
    `${where}: ${what}.`,
    'Write a list of objects such as [{"text": "…", "label": "…"}], as pandas does with orient="records", and choose the file again.',
  );
