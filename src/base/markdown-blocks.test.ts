import { expect, test } from 'vitest';
import { markdownBlocks, markdownTable } from './markdown.ts';

test('paragraphs and tables, with empty cells at either end', () => {
  const head = ['', 'ms', ''];
  const rows = [
    ['step', '1.5', ''],
    ['', '2', 'x'],
  ];
  const text = `First\nline.\n\n${markdownTable(head, rows)}\n\nLast.`;
  expect(markdownBlocks(text)).toEqual([
    { kind: 'paragraph', text: 'First line.' },
    { kind: 'table', head, rows },
    { kind: 'paragraph', text: 'Last.' },
  ]);
});

test('a table directly after a paragraph, and nothing', () => {
  expect(markdownBlocks(`Text.\n${markdownTable(['a'], [['b']])}`)).toEqual([
    { kind: 'paragraph', text: 'Text.' },
    { kind: 'table', head: ['a'], rows: [['b']] },
  ]);
  expect(markdownBlocks('')).toEqual([]);
});
