import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { GorpError } from '../base/errors.ts';
import { referencesWith } from '../testing/reference.ts';
import { loadTask, type ReadText } from './benchmark.ts';

const FILES: Record<string, string> = {
  'configs/instruction_config.json': '{"TC": [{"instruction_type": "zero-shot", "instruction": "Which?\\n"}]}',
  'CL_Benchmark/TC/own/labels.json': '["a", "b"]',
  'CL_Benchmark/TC/own/train.json': '[{"label": "b", "sentence": "one", "id": 7}, {"sentence": "two", "label": "a"}]',
  'CL_Benchmark/TC/own/dev.json': '[]',
  'CL_Benchmark/TC/own/test.json': '[{"label": "a", "sentence": "three"}]',
};

const reading =
  (changes: Record<string, string> = {}): ReadText =>
  (path) => {
    const text = changes[path] ?? FILES[path];
    return text === undefined ? Promise.reject(new Error('404 Not Found')) : Promise.resolve(text);
  };

const own = (file: string): string => `CL_Benchmark/TC/own/${file}.json`;

describe('loadTask', () => {
  it('reads a task', async () => {
    expect(await loadTask(reading(), 'TC', 'own')).toEqual({
      task: {
        name: 'own',
        kind: 'TC',
        instruction: 'Which?\n',
        labels: ['a', 'b'],
        train: [
          { sentence: 'one', label: 'b' },
          { sentence: 'two', label: 'a' },
        ],
        dev: [],
        test: [{ sentence: 'three', label: 'a' }],
      },
      leftOut: [],
      warnings: [],
    });
  });

  it('has no instruction if the configuration names none, whatever the name of the kind', async () => {
    for (const kind of ['COPA', 'constructor', 'toString']) {
      const moved = Object.fromEntries(
        Object.entries(FILES).map(([path, text]) => [path.replace('/TC/', `/${kind}/`), text]),
      );
      expect((await loadTask(reading(moved), kind, 'own')).task.instruction).toBeNull();
    }
  });

  it('leaves out rows of unlisted labels and counts them', async () => {
    const rows = ['-', 'a', '-', 'A'].map((label) => ({ label, sentence: 'x' }));
    const { task, leftOut } = await loadTask(reading({ [own('test')]: JSON.stringify(rows) }), 'TC', 'own');
    expect(task.test).toEqual([{ label: 'a', sentence: 'x' }]);
    expect(leftOut).toEqual([
      { split: 'test', label: '-', rows: 2 },
      { split: 'test', label: 'A', rows: 1 },
    ]);
  });

  it('accepts a byte order mark', async () => {
    expect((await loadTask(reading({ [own('labels')]: '\ufeff["a", "b"]' }), 'TC', 'own')).task.labels).toEqual([
      'a',
      'b',
    ]);
  });

  it.each<[string, string, string, string, RegExp]>([
    ['malformed JSON', own('train'), '[{"label": "a"', 'tasks/malformed-json', /train\.json is not JSON/],
    ['a page in place of a file', own('test'), '<!doctype html>', 'tasks/malformed-json', /test\.json is not JSON/],
    ['rows in an object', own('train'), '{"rows": []}', 'tasks/wrong-shape', /train\.json: Expected a list of rows/],
    ['null', own('dev'), 'null', 'tasks/wrong-shape', /dev\.json: Expected a list of rows/],
    ['a row that is text', own('train'), '["one"]', 'tasks/wrong-shape', /train\.json, row 1/],
    [
      'a row without a label',
      own('train'),
      '[{"label": "a", "sentence": "x"}, {"sentence": "y"}]',
      'tasks/wrong-shape',
      /train\.json, row 2, field "label"/,
    ],
    [
      'a number as sentence',
      own('test'),
      '[{"label": "a", "sentence": 3}]',
      'tasks/wrong-shape',
      /row 1, field "sentence"/,
    ],
    ['no rows', own('train'), '[]', 'tasks/empty', /train\.json has no row/],
    [
      'no row of a listed label',
      own('test'),
      '[{"label": "c", "sentence": "x"}]',
      'tasks/empty',
      /test\.json has no row/,
    ],
    ['no labels', own('labels'), '[]', 'tasks/wrong-shape', /labels\.json: No label is listed/],
    ['an empty label', own('labels'), '["a", ""]', 'tasks/wrong-shape', /labels\.json, row 2: A label is empty/],
    ['a label listed twice', own('labels'), '["a", "a"]', 'tasks/wrong-shape', /labels\.json: A label is listed twice/],
    [
      'more labels than a prompt can list',
      own('labels'),
      JSON.stringify(Array.from({ length: 301 }, (_, i) => `${i}`)),
      'tasks/wrong-shape',
      /labels\.json: More than 300 labels are listed/,
    ],
    [
      'a kind without an instruction text',
      'configs/instruction_config.json',
      '{"TC": [{}]}',
      'tasks/wrong-shape',
      /instruction_config\.json, field "TC", row 1, field "instruction"/,
    ],
  ])('refuses %s', async (_, path, text, code, message) => {
    const error: unknown = await loadTask(reading({ [path]: text }), 'TC', 'own').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GorpError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string });
  });

  it('names a file that cannot be read, and passes on a GorpError', async () => {
    await expect(loadTask(reading(), 'TC', 'missing')).rejects.toMatchObject({
      code: 'tasks/unreadable',
      message: expect.stringMatching(/CL_Benchmark\/TC\/missing\/.*404 Not Found/) as string,
    });
    const offline = new GorpError('store/offline', 'No network.', 'Connect.');
    await expect(loadTask(() => Promise.reject(offline), 'TC', 'own')).rejects.toBe(offline);
  });
});

describe.each(referencesWith('cl-benchmark'))('with the rows of $name', (reference) => {
  const folder = 'cl-benchmark/CL_Benchmark';
  const tasks = reference
    .list(folder)
    .flatMap((kind) => reference.list(`${folder}/${kind}`).map((name) => ({ kind, name })));
  const read: ReadText = (path) => readFile(reference.path(`cl-benchmark/${path}`), 'utf8');

  it.each(tasks)('loads $kind/$name without losing a row', async ({ kind, name }) => {
    const { task, leftOut } = await loadTask(read, kind, name);
    for (const split of ['train', 'dev', 'test'] as const) {
      const rows = JSON.parse(await read(`CL_Benchmark/${kind}/${name}/${split}.json`)) as { label: string }[];
      const left = leftOut.filter((entry) => entry.split === split).reduce((sum, entry) => sum + entry.rows, 0);
      expect(left).toBe(rows.filter(({ label }) => !task.labels.includes(label)).length);
      expect(task[split].length).toBe(rows.length - left);
    }
  });
});
