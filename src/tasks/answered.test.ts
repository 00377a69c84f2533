import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { answeredTexts, splitUnits } from './answered.ts';
import { makeCustomTask, TaskSchema } from './custom-task.ts';
import { recognise } from './formats/recognise.ts';
import { likelySpec } from './likely-spec.ts';
import { readTableFile, readTextFolder, tableOf } from './table.ts';

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const tableFrom = async (name: string, content: string) => tableOf(await readTableFile(name, utf8(content)), true);

describe('rows with free answers', () => {
  it('have several right answers, and are left out and counted by reason', async () => {
    const table = await tableFrom(
      'a.json',
      JSON.stringify([
        { question: 'a', answers: ['x', 'y', 'x', ' '] },
        { question: 'b', answers: 'z' },
        { question: 'c', answers: 5 },
        { question: '', answers: 'z' },
        { question: 'd', answers: [] },
        { question: 'e', answers: [{ a: 1 }] },
        { question: 'f', answers: ['', null] },
      ]),
    );
    const { units, warnings } = answeredTexts(table, recognise(table), 'every');
    expect(units.flat()).toEqual([
      { sentence: 'a', label: 'x', others: ['y'], row: 1 },
      { sentence: 'b', label: 'z', row: 2 },
      { sentence: 'c', label: '5', row: 3 },
    ]);
    expect(warnings).toEqual([
      'One row left out: no text (row 4).',
      'One row left out: no answer (row 5).',
      '2 rows left out: an answer that is no text (rows 6, 7).',
    ]);
  });

  it('are left out if their answer is marked as bad, or needs an image', async () => {
    const table = await tableFrom(
      'kto.json',
      JSON.stringify([
        { prompt: 'a', completion: 'x', label: true, images: [] },
        { prompt: 'b', completion: 'y', label: false, images: [] },
        { prompt: 'c', completion: 'z', label: true, images: ['c.png'] },
      ]),
    );
    const { units, warnings } = answeredTexts(table, recognise(table), 'every');
    expect(units).toEqual([[{ sentence: 'a', label: 'x', row: 1 }]]);
    expect(warnings).toEqual([
      'One row left out: answers marked as bad (row 2).',
      'One row left out: images or sounds (row 3).',
    ]);
    // A column of labels that are not all true or false says nothing of the answers, nor does the label itself.
    for (const label of ['positive', '']) {
      const rows = [true, label].map((one) => ({ prompt: `p ${one}`, completion: `c ${one}`, label: one }));
      const other = await tableFrom('a.json', JSON.stringify([...rows, { ...rows[0], label: false }]));
      expect(answeredTexts(other, recognise(other), 'every').warnings).toEqual([]);
    }
    const asAnswer = { ...recognise(table), labelColumn: 'label' };
    expect(answeredTexts(table, asAnswer, 'every').units).toHaveLength(2);
  });

  it('are refused if none can be learned, with the reasons', async () => {
    const table = await tableFrom('a.json', JSON.stringify([{ prompt: 'a', completion: '' }]));
    expect(() => answeredTexts(table, recognise(table), 'every')).toThrow(/no answer/);
  });
});

it('conversations of preference data end in the chosen answer', async () => {
  const row = { conversations: [{ from: 'human', value: 'Hi' }], chosen: { from: 'gpt', value: 'Yes' } };
  const table = await tableFrom('dpo.json', JSON.stringify([{ ...row, rejected: { from: 'gpt', value: 'No' } }]));
  expect(answeredTexts(table, recognise(table), 'every').units).toMatchObject([[{ label: 'Yes' }]]);
});

describe('conversations', () => {
  const say = (...texts: string[]) => texts.map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content }));
  const content = Array.from({ length: 10 }, (_, i) => JSON.stringify({ messages: say(`q${i}`, 'a', 'r', 'b') })).join(
    '\n',
  );

  it('teach every answer of the assistant or only the last, with the turns before it', async () => {
    const table = await tableFrom('a.jsonl', content);
    const every = answeredTexts(table, recognise(table), 'every').units[0];
    expect(every).toEqual([
      { sentence: 'User: q0\nAssistant:', label: 'a', turns: say('q0'), row: 1 },
      { sentence: 'User: q0\nAssistant: a\nUser: r\nAssistant:', label: 'b', turns: say('q0', 'a', 'r'), row: 1 },
    ]);
    expect(answeredTexts(table, recognise(table), 'last').units[0]).toEqual(every.slice(1));
  });

  it('stay whole when they are split', async () => {
    const file = await readTableFile('a.jsonl', utf8(content));
    const table = tableOf(file, true);
    const { task } = makeCustomTask(table, likelySpec(file, recognise(table), []));
    expect([task.train.length, task.test.length]).toEqual([16, 4]);
    const openings = (examples: typeof task.train) => new Set(examples.map(({ turns }) => turns?.[0].content));
    for (const opening of openings(task.test)) expect(openings(task.train)).not.toContain(opening);
    expect(v.parse(TaskSchema, task)).toEqual(task);
  });
});

describe('texts', () => {
  it('of a folder are documents, in the order of their paths, without empty files and others', async () => {
    const file = await readTextFolder('notes', [
      { path: 'b.md', bytes: utf8('B') },
      { path: 'a/c.txt', bytes: utf8('C') },
      { path: 'empty.txt', bytes: utf8(' \n') },
      { path: 'picture.png', bytes: utf8('x') },
    ]);
    expect(file.rows).toEqual([
      ['a/c.txt', 'C'],
      ['b.md', 'B'],
    ]);
    await expect(readTextFolder('notes', [])).rejects.toMatchObject({ code: 'tasks/empty' });
  });

  it('are split by document, a single one at the end of a line', () => {
    const documents = ['one', 'two', 'three'].map((label) => [{ sentence: '', label }]);
    const { train, test } = splitUnits(documents, 0.2, 1);
    expect([train.length, test.length]).toEqual([2, 1]);
    const label = `${'words '.repeat(40)}\n`.repeat(10);
    const single = splitUnits([[{ sentence: '', label }]], 0.2, 1);
    expect(single.train[0].label + single.test[0].label).toBe(label);
    expect(single.train[0].label.endsWith('\n')).toBe(true);
    expect(single.test[0].label.length / label.length).toBeCloseTo(0.2, 1);
  });
});
