/** Line ends and other control characters, and what changes the direction of writing or cannot be seen. */
const [BREAKS, UNSEEN] = [
  /[\p{Cc}\p{Zl}\p{Zp}\s]+/gu,
  /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g,
];
/** The signs that Markdown, with GitHub's additions, would read as more than text within a line. */
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

/** A table in Markdown. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A quantity with about three digits; a dash where it could not be measured. */
export function digits(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

/** A part of a text in Markdown. */
type MarkdownBlock =
  | { readonly kind: 'paragraph'; readonly text: string }
  | { readonly kind: 'table'; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };

/** Reads what reports are written in: paragraphs, and tables as `markdownTable` makes them. */
export function markdownBlocks(text: string): MarkdownBlock[] {
  const blocks: MarkdownBlock[] = [];
  let paragraph: string[] = [];
  let table: string[][] = [];
  const end = (): void => {
    const [head, , ...rows] = table;
    if (paragraph.length > 0) blocks.push({ kind: 'paragraph', text: paragraph.join(' ') });
    if (table.length > 0) blocks.push({ kind: 'table', head, rows });
    paragraph = [];
    table = [];
  };
  for (const line of text.split('\n')) {
    const isRow = line.startsWith('| ') && line.endsWith(' |');
    if (line === '' || isRow !== table.length > 0) end();
    if (isRow) table.push(line.slice(2, -2).split(' | '));
    else if (line !== '') paragraph.push(line);
  }
  end();
  return blocks;
}
