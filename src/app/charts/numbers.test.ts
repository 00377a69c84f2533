import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import { csvOf, wrapped } from './save.tsx';

describe('csvOf', () => {
  it('parses back to the same values, with empty fields for null', () => {
    const rows = [
      ['a "quoted", name', 0.1 + 0.2, null],
      ['two\nlines', -1.5e-7, 3],
    ];
    const text = csvOf({ columns: ['line', 'x', 'y'], rows });
    const read = Papa.parse<string[]>(text, { skipEmptyLines: true }).data;
    expect(read).toEqual([
      ['line', 'x', 'y'],
      ['a "quoted", name', '0.30000000000000004', ''],
      ['two\nlines', '-1.5e-7', '3'],
    ]);
  });

  it('marks text that spreadsheets would take for a formula', () => {
    const rows = [['=1+1'], ['@x'], ['＝1'], ['\n=1'], ['a;=1']];
    const cells = ["'=1+1", "'@x", "'＝1", '"\'\n=1"', '"a;=1"'];
    expect(csvOf({ columns: ['name'], rows })).toBe(`name\r\n${cells.join('\r\n')}\r\n`);
  });
});

it('writes a title in whole lines, and a long word in one of its own', () => {
  expect(wrapped('Loss per step: gorp-plus', 80)).toEqual(['Loss per step: gorp-plus']);
  expect(wrapped('Accuracy of each task over the run', 16)).toEqual(['Accuracy of each', 'task over the', 'run']);
  expect(wrapped(`a ${'W'.repeat(40)} b`, 10)).toEqual(['a', 'W'.repeat(40), 'b']);
});
