/** Line ends and other control characters, and what changes the direction of writing or cannot be seen. */
const [BREAKS, UNSEEN] = [
  /[\p{Cc}\p{Zl}\p{Zp}\s]+/gu,
  /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g,
];
/** What Markdown, with GitHub's additions, would read as more than text within a line. */
const SIGNS = /[\\`*[\]<>|~&#$]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|(?<=www)\.|:(?=\/\/)/giu;

/** A text in one line, as it is to be seen. */
const lineOf = (text: string): string => text.replaceAll(UNSEEN, '').replaceAll(BREAKS, ' ').trim();

/**
 * Somebody's text as text in Markdown: in a heading, a sentence or a cell of a table, but not at the beginning of a line.
 * It makes no line, link, image, HTML or cell of its own.
 */
export const markdownText = (text: string): string => lineOf(text).replaceAll(SIGNS, '\\$&');

/** Somebody's text as code within a line of Markdown, but not in a table, where a bar ends a cell even in code. */
export function markdownCode(text: string): string {
  const line = lineOf(text);
  const runs = line.match(/`+/g) ?? [];
  const fence = '`'.repeat(1 + runs.reduce((most, { length }) => Math.max(most, length), 0));
  return /^`|`$|^$/.test(line) ? `${fence} ${line} ${fence}` : `${fence}${line}${fence}`;
}
