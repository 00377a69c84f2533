import { describe, expect, it } from 'vitest';
import type { TaskSpec } from '../../tasks/custom-task.ts';
import { readTableFile } from '../../tasks/table.ts';
import { isOrderFile, makeOrderTasks, type OrderFile, orderFileOf, parseOrderFile } from './order-file.ts';
import { embeddedSettings } from '../planning/presets.ts';

const bytes = new TextEncoder().encode('text,label\none,a\ntwo,b\nthree,a\nfour,b\n');
const SPEC: TaskSpec = {
  name: 'mine',
  kind: 'TC',
  instruction: 'Which?',
  file: 'reviews.csv',
  sha256: (await readTableFile('reviews.csv', bytes)).sha256,
  header: true,
  textColumn: 'text',
  labelColumn: 'label',
  form: 'labels' as const,
  inputColumn: null,
  frame: 'answer' as const,
  chatAnswers: 'every' as const,
  testShare: 0.5,
  seed: 1,
};
const settings = { ...embeddedSettings('full', 'gorp'), order: ['gloss', 'mine'], perTask: { mine: { epochs: 3 } } };
const file = orderFileOf(settings, [SPEC, { ...SPEC, name: 'other' }]);

describe('an order file', () => {
  it('contains what its order needs, and is read back unchanged', () => {
    expect(file.own).toEqual([SPEC]);
    const text = JSON.stringify(file, null, 2);
    expect(isOrderFile(text)).toBe(true);
    expect(parseOrderFile(text, 'order.json')).toEqual(file);
    expect(isOrderFile('[{"text": "gorp-web/order"}]')).toBe(false);
  });

  it.each<[string, string | object, string, RegExp]>([
    ['no JSON', '{"schema": "gorp-web/order",', 'tasks/bad-order-file', /not JSON/],
    ['another version', { ...file, version: 2 }, 'tasks/bad-order-file', /version/],
    ['an unknown field', { ...file, texts: [] }, 'tasks/bad-order-file', /texts/],
    ['a missing setting', { ...file, training: {} }, 'tasks/bad-order-file', /training\.trainExamples/],
    [
      'a setting that is gone',
      { ...file, method: { ...file.method, projType: 'left' } },
      'settings/gone',
      /order\.json has method\.projType: .*"left"/,
    ],
    ['no task', { ...file, order: [] }, 'tasks/bad-order-file', /no task/],
    ['a task twice', { ...file, order: ['gloss', 'gloss'] }, 'tasks/bad-order-file', /twice/],
    ['a task that is not described', { ...file, own: [] }, 'tasks/unknown-dataset', /mine/],
    [
      'a name of an embedded task',
      { ...file, own: [{ ...SPEC, name: 'gloss' }] },
      'tasks/bad-order-file',
      /own\.0\.name/,
    ],
    [
      'a name of a dataset',
      { ...file, own: [{ ...SPEC, name: 'FOMC' }] },
      'tasks/bad-order-file',
      /FOMC is .* of TRACE/,
    ],
  ])('is refused with %s', (_, content, code, message) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    expect(() => parseOrderFile(text, 'order.json')).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }),
    );
  });
});

const noHub = (): Promise<never> => Promise.reject(new Error('asks the hub'));

describe('makeOrderTasks', () => {
  const data = [{ name: 'renamed.csv', bytes }];

  it('makes custom tasks from the file of that hash, whatever its name', async () => {
    const [made, ...others] = await makeOrderTasks(file, [], data, noHub);
    expect(others).toEqual([]);
    expect(made).toMatchObject({ spec: SPEC, task: { name: 'mine', labels: ['a', 'b'] }, warnings: [] });
    expect(made.task.train.length + made.task.test.length).toBe(4);
    expect(await makeOrderTasks(file, [], data, noHub)).toEqual([made]);
  });

  it('leaves stored tasks unchanged', async () => {
    expect(await makeOrderTasks(file, [{ ...SPEC }], [], noHub)).toEqual([]);
  });

  it.each<[string, OrderFile, TaskSpec[], typeof data, string, RegExp]>([
    ['the file is missing', file, [], [], 'tasks/data-missing', /reviews\.csv/],
    [
      'the file differs',
      file,
      [],
      [{ name: 'reviews.csv', bytes: bytes.slice(0, -7) }],
      'tasks/data-missing',
      /reviews/,
    ],
    ['the name is taken', file, [{ ...SPEC, seed: 2 }], data, 'tasks/name-taken', /mine/],
    ['a column is missing', { ...file, own: [{ ...SPEC, labelColumn: 'x' }] }, [], data, 'tasks/unknown-column', /x/],
  ])('says so when %s', async (_, order, stored, files, code, message) => {
    await expect(makeOrderTasks(order, stored, files, noHub)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });
});
