import { expect, test } from 'vitest';
import { parseJsonLines, parseJsonRows } from './json-rows.ts';

test('refuses sparse objects with many keys before they fill the memory', () => {
  const wide = JSON.stringify(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`key ${i}`, 1])));
  const many = `${wide}\n${'{}\n'.repeat(120_000)}`;
  expect(() => parseJsonLines(many, 'wide.jsonl')).toThrow(/wide\.jsonl has more than 5 million cells/);
  expect(parseJsonLines(`${wide}\n{}\n`, 'wide.jsonl').rows).toHaveLength(2);
});

test.each([
  ['SuperNI', (long: string) => ({ Definition: long, Instances: Array(1000).fill({ input: 'a', output: 'b' }) })],
  [
    'SQuAD',
    (long: string) => {
      const qas = Array(1000).fill({ question: 'a', answers: [{ text: 'b' }] });
      return { data: [{ paragraphs: [{ context: long, qas }] }] };
    },
  ],
])('refuses a file of %s whose rows repeat a long text', (_, fileOf) => {
  expect(parseJsonRows(JSON.stringify(fileOf('a'.repeat(1e5))), 'x.json').rows).toHaveLength(1000);
  expect(() => parseJsonRows(JSON.stringify(fileOf('a'.repeat(3e5))), 'x.json')).toThrow(/more than 268 million char/);
});

test('reads long numbers as they are written, and others as JavaScript does', () => {
  const text = String.raw`[{"text":"a \" 1234567890123456789","label":9007199254740993},{"label":-9007199254740992.0,"text":1.0}]`;
  expect(parseJsonRows(text, 'x.json').rows).toEqual([
    ['a " 1234567890123456789', '9007199254740993'],
    ['1', '-9007199254740992.0'],
  ]);
  const labels = [9, 2].map((last) => parseJsonLines(`{"label":1000000000000000000${last}}`, 'x.jsonl').rows[0][0]);
  expect(labels).toEqual(['10000000000000000009', '10000000000000000002']);
});

test('reads numbers that JavaScript would round, whatever stands beside them', () => {
  const numbers = '12345678.1234567890,1e400,-1E-400,0.5,1.5e3,123456789012345'.split(',');
  // The names end in a backslash, which does not escape the quote after it.
  const text = `[{${numbers.map((number, i) => String.raw`"${i} \\":${number}`).join()}}]`;
  expect(parseJsonRows(text, 'x.json').rows).toEqual([
    ['12345678.1234567890', '1e400', '-1E-400', '0.5', '1500', '123456789012345'],
  ]);
  // Millions of characters in a string: a pattern would fill its stack.
  for (const part of ['a', '\\"', '\\\\', '1']) {
    const long = part.repeat(20_000_000 / part.length);
    const [row] = parseJsonRows(`[{"id":1234567890123456789,"text":"${long}"}]`, 'x.json').rows;
    expect([row[0], row[1].length]).toEqual(['1234567890123456789', (JSON.parse(`"${long}"`) as string).length]);
  }
  for (const broken of ['1234567890123456-5', '01234567890123456', '1234567890123456.', '1234567890123456e'])
    expect(() => parseJsonRows(`[{"a":${broken}}]`, 'x.json')).toThrow(/x\.json is not JSON/);
});

test.each([
  ['lists', '[', ']'],
  ['objects', '{"a":', '}'],
])('refuses a cell of %s within each other without end', (_, open, close) => {
  const deep = `${open.repeat(200_000)}1${close.repeat(200_000)}`;
  expect(() => parseJsonRows(`[{"text":"a"},{"text":${deep}}]`, 'x.json')).toThrow(
    /x\.json, entry 2: “text” is nested more than 100 deep/,
  );
});

test('reads SQuAD as published, with the questions that have no answer', () => {
  const qas = [
    {
      id: 'a',
      question: 'Where?',
      answers: [
        { text: 'France', answer_start: 5 },
        { text: 'in France', answer_start: 2 },
      ],
    },
    { id: 'b', question: 'When?', answers: [], is_impossible: true },
  ];
  const squad = { version: 'v2.0', data: [{ title: 'Normans', paragraphs: [{ context: 'It is in France.', qas }] }] };
  expect(parseJsonRows(JSON.stringify(squad), 'train-v2.0.json')).toMatchObject({
    columns: ['question', 'context', 'answers'],
    rows: [
      ['Where?', 'It is in France.', '["France","in France"]'],
      ['When?', 'It is in France.', '[]'],
    ],
    nested: ['answers'],
  });
  const other = JSON.stringify({ data: [{ text: 'a', label: 'b' }] });
  expect(() => parseJsonRows(other, 'x.json')).toThrow(expect.objectContaining({ code: 'tasks/wrong-shape' }));
});
