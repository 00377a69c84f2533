import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { EXIT } from './exit.ts';

// What the build puts in.
vi.stubGlobal('__APP_VERSION__', 'test');
const { main } = await import('./main.ts');
const { taskOfOption } = await import('./task-option.ts');

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'gorp-bad-'))));
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

const save = async (name: string, content: string | Uint8Array): Promise<string> => {
  await writeFile(join(folder, name), content);
  return join(folder, name);
};
const lines = (...rows: object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

/** Runs `gorp-web`, and returns its text and exit code. */
async function gorpWeb(...args: string[]): Promise<{ code: number; text: string }> {
  const written: string[] = [];
  const take = (text: unknown): true => written.push(String(text)) > 0 || true;
  vi.spyOn(process.stdout, 'write').mockImplementation(take);
  vi.spyOn(process.stderr, 'write').mockImplementation(take);
  vi.spyOn(console, 'error').mockImplementation(take);
  const code = await main(args);
  vi.restoreAllMocks();
  return { code, text: written.join('') };
}

const talk = (...turns: [role: string, content: unknown][]) => ({
  messages: turns.map(([role, content]) => ({ role, content })),
});
const GOOD = Array.from({ length: 4 }, (_, i) => talk(['user', `Question ${i}?`], ['assistant', `Answer ${i}.`]));

test('rows without an answer are left out and counted; a file of them is refused', async () => {
  const rows = Array.from({ length: 6 }, (_, i) => ({
    question: `q ${i}`,
    answer: i < 2 ? '  ' : `a long answer ${i}`,
  }));
  const some = await gorpWeb('data', await save('some.jsonl', lines(...rows)));
  expect(some).toMatchObject({
    code: EXIT.ok,
    text: expect.stringContaining('2 rows left out: no answer (rows 1, 2).') as string,
  });
  const none = await gorpWeb('data', '--form', 'free', await save('none.jsonl', lines(...rows.slice(0, 2))));
  expect(none.code).toBe(EXIT.input);
  expect(none.text).toMatch(/No row can be learned \(no answer\)/);
});

test('a million columns are refused with the limit', async () => {
  const names = Array.from({ length: 1_000_000 }, (_, i) => `c${i}`);
  const csv = await gorpWeb('data', await save('wide.csv', `${names.join()}\n${names.join()}\n`));
  expect([csv.code, csv.text]).toEqual([EXIT.input, expect.stringMatching(/1000000 columns; the limit is 200/)]);
  const object = Object.fromEntries(names.slice(0, 100_000).map((name) => [name, 1]));
  const json = await gorpWeb('data', await save('wide.jsonl', lines(object)));
  expect([json.code, json.text]).toEqual([EXIT.input, expect.stringMatching(/more than 200 keys/)]);
});

test('a Parquet file with a codec that cannot be read is refused by name; a column of bytes is left out by name', async () => {
  const text = { name: 'text', data: ['aaaa', 'bbbb', 'cccc'], type: 'STRING' as const };
  const packed = parquetWriteBuffer({ columnData: [text], codec: 'LZO', compressors: { LZO: (part) => part } });
  const codec = await gorpWeb('data', await save('lzo.parquet', new Uint8Array(packed)));
  expect([codec.code, codec.text]).toEqual([EXIT.input, expect.stringMatching(/text of lzo\.parquet.*LZO/)]);
  const image = { name: 'image', data: [0, 1, 2].map((i) => Uint8Array.of(255, 216, i)), type: 'BYTE_ARRAY' as const };
  const pictures = parquetWriteBuffer({ columnData: [text, image] });
  const type = await gorpWeb('data', await save('pictures.parquet', new Uint8Array(pictures)));
  expect(type.text).toMatch(/Note: .*image/);
});

test('conversations that cannot be learned are left out, and counted by reason', async () => {
  const bad = [
    talk(['user', 'a'], ['user', 'b'], ['assistant', 'c']),
    talk(['assistant', 'c'], ['user', 'a'], ['assistant', 'c']),
    talk(['user', 'a'], ['narrator', 'c']),
    talk(['user', 'a'], ['tool', '{}'], ['assistant', 'c']),
    {
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: null, tool_calls: [{ id: '1' }] },
      ],
    },
    talk(['user', [{ type: 'image_url', image_url: {} }]], ['assistant', 'c']),
    talk(['user', 'a']),
    talk(['user', 'a'], ['assistant', ' ']),
  ];
  const { code, text } = await gorpWeb('data', await save('chats.jsonl', lines(...GOOD, ...bad)));
  expect(code).toBe(EXIT.ok);
  for (const why of [
    '2 rows left out: roles out of order',
    'One row left out: an unknown role “narrator”',
    '2 rows left out: tool calls',
    'One row left out: images or sounds',
    'One row left out: no answer of the assistant',
    'One row left out: empty turns',
  ])
    expect(text).toContain(why);
  expect(text).toContain('4 examples');
  const none = await gorpWeb('data', await save('no-chats.jsonl', lines(...bad)));
  expect(none).toMatchObject({ code: EXIT.input, text: expect.stringContaining('No row can be learned') as string });
});

test('a file of several gigabytes is refused with the limit before it is read, and so is a folder', async () => {
  const big = join(folder, 'big');
  await mkdir(big);
  for (const path of [join(folder, 'big.jsonl'), join(big, 'a.txt')]) {
    const file = await open(path, 'w');
    await file.truncate(5 * 2 ** 30); // sparse: takes no space on disk
    await file.close();
  }
  for (const path of [join(folder, 'big.jsonl'), big]) {
    const begin = performance.now();
    const { code, text } = await gorpWeb('data', path);
    expect([code, text]).toEqual([EXIT.input, expect.stringMatching(/takes 5\.00 GiB; the limit is 50\.0 MiB/)]);
    expect(performance.now() - begin).toBeLessThan(2000);
  }
});

test('the same file twice is said; two tasks of one name are refused, as is the name of a published one', async () => {
  const rows = Array.from({ length: 5 }, (_, i) => ({ question: `q ${i}`, answer: `a long answer ${i}` }));
  const path = await save('twice.jsonl', lines(...rows));
  const both = await gorpWeb('data', path, await save('copy.jsonl', lines(...rows)));
  expect(both).toMatchObject({ code: EXIT.ok, text: expect.stringContaining(`the same as ${path}`) as string });
  const train = ['train', '--out', join(folder, 'run'), '--task', path, '--task'];
  const { code, text } = await gorpWeb(...train, `${path},name=twice`);
  expect([code, text]).toEqual([EXIT.usage, expect.stringContaining('Two tasks are named twice')]);
  const published = await gorpWeb(...train, `${path},name=ScienceQA`);
  expect(published).toEqual({
    code: EXIT.usage,
    text: expect.stringContaining('ScienceQA is also the name of a dataset of TRACE') as string,
  });
});

test('the names of the columns are no row', async () => {
  const csv = await save('header.csv', 'text,label\ngood,yes\nbad,no\nfine,yes\npoor,no\n');
  expect((await gorpWeb('data', csv)).text).toMatch(/header\.csv: 4 rows\..*\n.*\n4 examples/);
  expect((await gorpWeb('data', '--no-header', csv)).text).toMatch(/header\.csv: 5 rows\./);
});

test('a slip in a label is asked about, and merged or left out by an option', async () => {
  const rows = [1, 2, 3, 4, 5].flatMap((i) => [`invoice ${i},billing`, `parcel ${i},shipping`]);
  const csv = await save('mails.csv', ['text,label', ...rows, 'one more invoice,biling'].join('\n'));
  const asks =
    'biling: 1 row. Did you mean billing? merge=biling:billing merges them, drop=biling leaves its rows out.';
  expect((await gorpWeb('data', csv)).text).toContain(asks);
  expect((await taskOfOption(csv, [])).warnings).toContain(asks);
  const { task, warnings } = await taskOfOption(`${csv},merge=biling:billing`, []);
  expect([task.labels, warnings]).toEqual([['billing', 'shipping'], []]);
  const fewer = await taskOfOption(`${csv},name=mails,drop=biling;shipping`, []).catch((thrown: unknown) => thrown);
  expect(fewer, 'one label is left').toMatchObject({ code: 'tasks/one-label' });
  await expect(taskOfOption(`${csv},merge=biling`, [])).rejects.toThrow('merge takes LABEL:LABEL, not biling');
  await expect(taskOfOption(`${csv},drop=bills`, [])).rejects.toMatchObject({ code: 'tasks/no-such-label' });
});
