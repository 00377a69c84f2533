import * as fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import {
  doubtsBeside,
  makeCustomTask,
  MAX_LABELS,
  readLabels,
  splitExamples,
  splitLabels,
  TaskSchema,
  type TaskSpec,
  TaskSpecSchema,
} from './custom-task.ts';
import { doubtText } from './doubtful-labels.ts';
import type { Example } from './task.ts';

const SPEC: TaskSpec = {
  name: 'mine',
  kind: 'TC',
  instruction: 'Which?',
  file: 'a.csv',
  sha256: '0'.repeat(64),
  header: true,
  textColumn: 'text',
  labelColumn: 'label',
  form: 'labels',
  inputColumn: null,
  frame: 'answer',
  chatAnswers: 'every',
  testShare: 0.25,
  seed: 1,
};
const COLUMNS = { textColumn: 'text', inputColumn: null, labelColumn: 'label' };
const table = (rows: [string, string][]) => ({
  columns: ['text', 'label'],
  rows,
  lines: rows.map((_, i) => i + 2),
  nested: [],
  warnings: [],
});
const many = (labels: string[], each: number): [string, string][] =>
  labels.flatMap((label) => Array.from({ length: each }, (_, i): [string, string] => [`${label} ${i}`, label]));

describe('splitExamples', () => {
  const examples = fc.array(
    fc.record({ sentence: fc.constantFrom(...'abcdefghijk'), label: fc.constantFrom('x', 'y', 'z') }),
  );

  it('preserves all examples and their order, with equal texts on one side', () => {
    fc.assert(
      fc.property(examples, fc.double({ min: 0.01, max: 0.99, noNaN: true }), fc.integer(), (all, share, seed) => {
        const { train, test } = splitExamples(all, share, seed);
        const tested = new Set(test.map(({ sentence }) => sentence));
        expect(train.every(({ sentence }) => !tested.has(sentence))).toBe(true);
        expect(all.filter((one) => !tested.has(one.sentence))).toEqual(train);
        expect(train.length + test.length).toBe(all.length);
      }),
    );
  });

  it('tests the share of each label, and at least one text of two', () => {
    const rows: Example[] = [...many(['a'], 100), ...many(['b'], 10), ...many(['c'], 2), ...many(['d'], 1)].map(
      ([sentence, label]) => ({ sentence, label }),
    );
    const { test } = splitExamples(rows, 0.2, 3);
    const count = (label: string): number => test.filter((one) => one.label === label).length;
    expect(['a', 'b', 'c', 'd'].map(count)).toEqual([20, 2, 1, 0]);
  });

  it('depends on the seed', () => {
    const rows = many(['a', 'b'], 50).map(([sentence, label]) => ({ sentence, label }));
    expect(splitExamples(rows, 0.2, 1)).toEqual(splitExamples(rows, 0.2, 1));
    expect(splitExamples(rows, 0.2, 1)).not.toEqual(splitExamples(rows, 0.2, 2));
  });
});

describe('readLabels', () => {
  it('counts and sorts labels, and leaves out incomplete rows', () => {
    const rows: [string, string][] = [
      ['one', ' b\n c '],
      ['two', 'a'],
      ['', 'a'],
      ['three', ' '],
      ['four', 'a'],
    ];
    expect(readLabels(table(rows), COLUMNS)).toEqual({
      examples: [
        { sentence: 'one', label: 'b c', row: 2 },
        { sentence: 'two', label: 'a', row: 3 },
        { sentence: 'four', label: 'a', row: 6 },
      ],
      labels: [
        { label: 'a', rows: 2 },
        { label: 'b c', rows: 1 },
      ],
      doubts: [{ label: 'b c', rows: 1, like: null }],
      warnings: ['One row without a text left out.', 'One row without a label left out.'],
    });
  });

  it('sorts labels by value only if all are numbers', () => {
    const sorted = (labels: string[]) => readLabels(table(many(labels, 1)), COLUMNS).labels.map(({ label }) => label);
    expect(sorted(['10', '9', '2'])).toEqual(['2', '9', '10']);
    expect(sorted(['10', '9', '2', '1a'])).toEqual(['10', '1a', '2', '9']);
  });

  it('warns about commas in labels and texts with two labels', () => {
    const { warnings } = readLabels(table([['t', 'a, b'], ['t', 'c'], ['u', 'c']]), COLUMNS); // oxfmt-ignore
    expect(warnings).toEqual([expect.stringContaining('“a, b”'), expect.stringContaining('different labels: 1')]);
  });

  it.each<[string, [string, string][], string]>([
    ['one label', many(['a'], 5), 'tasks/one-label'],
    [
      'texts as labels',
      many(
        Array.from({ length: MAX_LABELS + 1 }, (_, i) => `l${i}`),
        1,
      ),
      'tasks/too-many-labels',
    ],
    ['labels that differ in case', many(['Yes', 'yes'], 2), 'tasks/labels-alike'],
    ['labels that differ in punctuation', many(['a-b', 'ab'], 2), 'tasks/labels-alike'],
    ['signs', many(['+', 'a'], 2), 'tasks/labels-alike'],
    ['nothing', [['', ''], ['x', ''], ['', 'y']], 'tasks/empty'], // oxfmt-ignore
  ])('refuses %s', (_, rows, code) => {
    expect(() => splitLabels(readLabels(table(rows), COLUMNS), SPEC)).toThrow(expect.objectContaining({ code }));
  });

  it('refuses a column of lists', () => {
    expect(() => readLabels({ ...table(many(['["a"]', 'b'], 2)), nested: ['label'] }, COLUMNS)).toThrow(
      expect.objectContaining({ code: 'tasks/nested-labels' }),
    );
  });

  it('puts a second text below the first', () => {
    const rows = [['a', 'b', 'x'], ['c', '', 'y']]; // oxfmt-ignore
    const two = { columns: ['text', 'more', 'label'], rows, lines: [2, 3], nested: [], warnings: [] };
    const { examples } = readLabels(two, { ...COLUMNS, inputColumn: 'more' });
    expect(examples.map(({ sentence }) => sentence)).toEqual(['a\nb', 'c']);
  });

  it('refuses an unknown column', () => {
    expect(() => readLabels(table([]), { ...COLUMNS, labelColumn: 'answer' })).toThrow(
      expect.objectContaining({ code: 'tasks/unknown-column', message: expect.stringContaining('answer') as string }),
    );
  });
});

describe('labels that may be slips', () => {
  const asked = (counts: Record<string, number>) => {
    const rows = Object.entries(counts).flatMap(([label, each]) => many([label], each));
    return readLabels(table(rows), COLUMNS).doubts.map(({ label, like }) => `${label} → ${like ?? '?'}`);
  };

  it('are asked about: a letter, a swap, two letters of a long one, case and punctuation, single rows', () => {
    expect(asked({ billing: 5, shipping: 5, biling: 1 })).toEqual(['biling → billing']);
    expect(asked({ received: 4, recieved: 1, other: 4 })).toEqual(['recieved → received']);
    expect(asked({ 'business news': 60, 'busines new': 3, sport: 60 })).toEqual(['busines new → business news']);
    expect(asked({ Billing: 2, billing: 7, 'e-mail': 3, email: 3 })).toEqual(['Billing → billing', 'email → e-mail']);
    expect(asked({ billing: 5, shipping: 5, refund: 1 })).toEqual(['refund → ?']);
  });

  it('are not different labels: short, with other digits, as frequent', () => {
    expect(asked({ yes: 9, yet: 1, no: 9 })).toEqual(['yet → ?']);
    expect(asked({ 'grade 1': 9, 'grade 2': 1 })).toEqual(['grade 2 → ?']);
    expect(asked({ male: 9, female: 9, moved: 5, loved: 5 })).toEqual([]);
    expect(doubtText({ label: 'biling', rows: 1, like: 'billing' })).toBe('biling: 1 row. Did you mean billing?');
    expect(doubtText({ label: 'x', rows: 2, like: null })).toBe('x: 2 rows, too few texts to train and test.');
  });

  it('are merged or left out as a person says, and the rest of the task follows', () => {
    const rows = table([...many(['billing', 'shipping'], 8), ['my invoice', 'biling'], ['what', 'huh']]);
    const relabel = [
      { from: 'biling', to: 'billing' },
      { from: 'huh', to: null },
    ];
    const { task, warnings } = makeCustomTask(rows, { ...SPEC, relabel });
    expect(task.labels).toEqual(['billing', 'shipping']);
    expect(warnings).toEqual(['One row left out for the label.']);
    const all = [...task.train, ...task.test];
    expect(all.find(({ sentence }) => sentence === 'my invoice')?.label).toBe('billing');
    expect(all.map(({ sentence }) => sentence)).not.toContain('what');
    expect(v.parse(TaskSpecSchema, { ...SPEC, relabel }).relabel).toEqual(relabel);
    const gone = { ...SPEC, relabel: [{ from: 'biling', to: 'invoices' }] };
    expect(() => makeCustomTask(rows, gone)).toThrow(expect.objectContaining({ code: 'tasks/no-such-label' }));
    // What answers cannot tell apart is refused, but can be merged.
    const alike = table([...many(['Billing'], 2), ...many(['billing', 'shipping'], 8)]);
    expect(() => makeCustomTask(alike, SPEC)).toThrow(expect.objectContaining({ code: 'tasks/labels-alike' }));
    const merged = makeCustomTask(alike, { ...SPEC, relabel: [{ from: 'Billing', to: 'billing' }] });
    expect(merged.task.labels).toEqual(['billing', 'shipping']);
  });
});

describe('makeCustomTask', () => {
  it('makes a task that passes its schema, with a question that ends in a line feed', () => {
    const { task, warnings } = makeCustomTask(table(many(['b', 'a'], 8)), SPEC);
    expect(v.parse(TaskSchema, task)).toEqual(task);
    expect(task).toMatchObject({ name: 'mine', kind: 'TC', instruction: 'Which?\n', labels: ['a', 'b'] });
    expect([task.train.length, task.test.length]).toEqual([12, 4]);
    expect(warnings).toEqual([]);
    expect(makeCustomTask(table(many(['a', 'b'], 8)), { ...SPEC, instruction: null }).task.instruction).toBeNull();
  });

  it('names labels that cannot be tested or trained', () => {
    const { warnings } = makeCustomTask(table([...many(['a'], 8), ['only', 'b']]), SPEC);
    expect(warnings).toEqual([expect.stringContaining('test “b”')]);
  });

  it('refuses texts that are all equal', () => {
    expect(() =>
      makeCustomTask(
        table([
          ['t', 'a'],
          ['t', 'b'],
        ]),
        SPEC,
      ),
    ).toThrow(
      // oxfmt-ignore
      expect.objectContaining({ code: 'tasks/empty' }),
    );
  });
});

describe('TaskSpecSchema', () => {
  const issues = (change: Partial<TaskSpec>) => v.safeParse(TaskSpecSchema, { ...SPEC, ...change }).issues?.length ?? 0;

  it.each(['mine', 'Mine 2', 'größe', 'a-b_c.d', '評判'])('accepts the name %j', (name) => {
    expect(issues({ name })).toBe(0);
  });

  it.each([
    '',
    ' a',
    'a ',
    'a/b',
    '../a',
    'a..b',
    '.a',
    'a.',
    '__proto__',
    'constructor',
    'toString',
    'a\nb',
    '<b>',
    'a\u202eb',
    'x'.repeat(41),
  ])('refuses the name %j', (name) => {
    expect(issues({ name })).toBeGreaterThan(0);
  });

  it('refuses test shares of 0 and 1, and a blank question', () => {
    for (const testShare of [0, 1, NaN]) expect(issues({ testShare })).toBe(1);
    expect(issues({ instruction: '  ' })).toBe(1);
    expect(issues({ seed: 0.5 })).toBe(1);
    expect(issues({ sha256: 'abc' })).toBe(1);
  });
});

it('finds a task with the question of another that the model was taught, whatever its case and punctuation', () => {
  const taught = [{ name: 'mails', instruction: 'What is it about?\n', labels: ['bill', 'fault'] }];
  const of = (instruction: string | null, labels: string[]) => doubtsBeside({ instruction, labels }, taught).join();
  expect(of('what is it about', ['cat', 'dog'])).toMatch(/question of mails, but has other labels/);
  expect(of('What is it about?', ['fault', 'bill'])).toMatch(/question of mails with the same labels/);
  expect([of('Which animal?', ['cat']), of(null, ['bill'])]).toEqual(['', '']);
});
