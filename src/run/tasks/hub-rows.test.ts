import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type LocalHub, startLocalHub } from '../../testing/local-hub.ts';
import { chosenSplit, datasetName, hubSourceText, listDataset, parseHubSource } from '../../weights/hub-dataset.ts';
import { readHubRows, readHubSource } from './table-work.ts';

/** Rows in groups of ten, so that a few can be read alone. */
function rows(from: number, count: number, width = 1): Uint8Array<ArrayBuffer> {
  const numbers = Array.from({ length: count }, (_, i) => from + i);
  const columnData = [
    { name: 'question', data: numbers.map((i) => `question ${i}${'?'.repeat(width)}`), type: 'STRING' as const },
    { name: 'answer', data: numbers.map((i) => `answer ${i}`), type: 'STRING' as const },
  ];
  return new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 10 }));
}

let hub: LocalHub;
beforeAll(async () => void (hub = await startLocalHub()));
afterAll(() => hub.close());
beforeEach(() => void (hub.cdnRequests.length = 0));
const access = (token: string | null = null) => ({ endpoint: hub.endpoint, token });
const all = { config: null, split: null };

describe('a data set of the hub', () => {
  beforeAll(() => {
    const files = {
      'default/train/0000.parquet': rows(0, 30),
      'default/train/0001.parquet': rows(30, 30),
      'default/test/0000.parquet': rows(100, 5),
      'short/train/0000.parquet': rows(200, 4),
    };
    hub.push('datasets/org/asked', files, 'refs/convert/parquet');
  });

  test('is listed by configuration and split', async () => {
    const { id, splits } = await listDataset('org/asked', access());
    expect(id).toBe('org/asked');
    expect(splits.map(({ config, split, files }) => [config, split, files.length])).toEqual([
      ['default', 'train', 2],
      ['default', 'test', 1],
      ['short', 'train', 1],
    ]);
  });

  test('is read by range over its files, and says when it is cut', async () => {
    const dataset = await listDataset('org/asked', access());
    const file = await readHubRows(dataset, all, 35, access());
    expect(file.columns).toEqual(['question', 'answer']);
    expect(file.rows).toHaveLength(35);
    expect(file.rows[34]?.[1]).toBe('answer 34');
    expect(file.warnings).toEqual(['Only the first 35 rows were read.']);
    expect(hub.cdnRequests.every(({ range }) => range !== undefined)).toBe(true);
    const whole = await readHubRows(dataset, { config: null, split: 'test' }, 35, access());
    expect([whole.rows.length, whole.warnings]).toEqual([5, []]);
  });

  test('reads only the row groups that it needs of a large file', async () => {
    hub.push('datasets/org/large', { 'default/train/0000.parquet': rows(0, 400, 4000) }, 'refs/convert/parquet');
    const dataset = await listDataset('org/large', access());
    await readHubRows(dataset, all, 10, access());
    const asked = hub.cdnRequests.map(({ range }) => /bytes=(\d+)-(\d+)/.exec(range ?? '') ?? []);
    const fetched = asked.reduce((sum, [, from, to]) => sum + Number(to) - Number(from) + 1, 0);
    expect(dataset.splits[0]?.bytes).toBeGreaterThan(0);
    expect(asked.length).toBeLessThanOrEqual(4);
    expect(fetched).toBeLessThan(2 ** 20);
  });

  test('is named by its commit, so that another machine reads the same rows', async () => {
    const dataset = await listDataset('org/asked', access());
    const file = await readHubRows(dataset, { config: 'short', split: null }, 3, access());
    const source = parseHubSource(file.name);
    expect(source).toEqual({ id: 'org/asked', commit: dataset.commit, config: 'short', split: 'train', rows: 3 });
    hub.push('datasets/org/asked', { 'short/train/0000.parquet': rows(900, 4) }, 'refs/convert/parquet');
    if (source === null) throw new Error('no source');
    expect(await readHubSource(source, access())).toEqual(file);
    expect(hubSourceText(source)).toBe(file.name);
    expect(parseHubSource(file.name.replace('/short/', '/%zz/'))).toBeNull();
    const newer = await readHubRows(await listDataset('org/asked', access()), all, 3, access());
    expect(newer.sha256).not.toBe(file.sha256);
  });

  test('without the hub’s own Parquet files is read from those of its repository', async () => {
    hub.push('datasets/org/own', {
      'README.md': 'x',
      'data/train-00000-of-00002.parquet': rows(0, 5),
      'data/train-00001-of-00002.parquet': rows(5, 5),
      'german/validation-00000-of-00001.parquet': rows(50, 5),
      'older/train-00000-of-00002-a09b74b3ef9c3b56.parquet': rows(60, 5),
      'older/train-00001-of-00002-0b1c2d3e4f5a6b7c.parquet': rows(65, 5),
    });
    const dataset = await listDataset('org/own', access());
    expect(dataset.splits.map(({ config, split, files }) => [config, split, files.length])).toEqual([
      ['default', 'train', 2],
      ['german', 'validation', 1],
      ['older', 'train', 2],
    ]);
    // An order file of an earlier version names one of its files.
    const { commit } = dataset;
    const named = { id: 'org/own', commit, config: 'older', split: 'train-00001-of-00002-0b1c2d3e4f5a6b7c', rows: 9 };
    expect((await readHubSource(named, access())).rows.map(([question]) => question)[0]).toBe('question 65?');
    expect((await readHubRows(dataset, all, 100, access())).rows).toHaveLength(10);
    hub.push('datasets/org/none', { 'a.csv': 'a,b' });
    await expect(listDataset('org/none', access())).rejects.toMatchObject({ code: 'tasks/no-parquet' });
  });

  test('that is gated needs the token, which goes only to the hub', async () => {
    hub.push('datasets/org/gated', { 'default/train/0000.parquet': rows(0, 5) }, 'refs/convert/parquet');
    hub.gate('datasets/org/gated', 'hf_right');
    const dataset = await listDataset('org/gated', access());
    await expect(readHubRows(dataset, all, 5, access())).rejects.toMatchObject({ code: 'weights/gated' });
    expect((await readHubRows(dataset, all, 5, access('hf_right'))).rows).toHaveLength(5);
    expect(hub.cdnRequests.map(({ authorization }) => authorization)).toEqual(hub.cdnRequests.map(() => undefined));
  });

  test.each([
    ['a missing data set', { status: 404 }, 'weights/no-repository'],
    ['a busy hub', { status: 429 }, 'weights/http'],
  ])('says so of %s', async (_, fault, code) => {
    hub.fault('api', fault);
    await expect(listDataset('org/asked', access())).rejects.toMatchObject({ code });
  });

  test('of a server that ignores ranges or has other content is refused, not read wrongly', async () => {
    const dataset = await listDataset('org/own', access());
    const file = 'data/train-00000-of-00002.parquet';
    hub.fault(file, { ignoresRange: true });
    await expect(readHubRows(dataset, all, 5, access())).rejects.toMatchObject({ code: 'weights/no-ranges' });
    hub.fault(file, { changedTo: { etag: '"x"', body: rows(0, 9) } });
    await expect(readHubRows(dataset, all, 5, access())).rejects.toMatchObject({ code: 'weights/wrong-length' });
    hub.fault(file, { html: true });
    await expect(readHubRows(dataset, all, 5, access())).rejects.toMatchObject({ code: 'weights/html' });
  });

  test('asks which configuration or split is meant if there is doubt', () => {
    const dataset = {
      id: 'org/x',
      commit: '',
      splits: ['en', 'de'].map((config) => ({ config, split: 'a', files: [], bytes: 0 })),
    };
    expect(() => chosenSplit(dataset, all)).toThrow(/several configurations/);
    expect(chosenSplit(dataset, { config: 'de', split: null })).toBe(dataset.splits[1]);
    expect(() => chosenSplit(dataset, { config: 'de', split: 'b' })).toThrow(/no split b/);
  });
});

test.each([
  ['org/name', 'org/name'],
  ['https://huggingface.co/datasets/org/name', 'org/name'],
  ['./org/name', null],
  ['../name', null],
  ['name', null],
  ['a/b/c', null],
])('%s names the data set %s', (text, name) => expect(datasetName(text)).toBe(name));
