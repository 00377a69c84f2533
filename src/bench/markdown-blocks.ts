/** A part of a text in Markdown. */
export type MarkdownBlock =
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
