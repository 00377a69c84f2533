import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunLine, lineOf } from '../../src/run/results/results.ts';
import { embeddedSettings } from '../../src/run/planning/presets.ts';
import { resultsOfScript } from '../../src/testing/scripted-results.ts';
import { PartRuns } from './part-runs.ts';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'part-'))));
afterEach(() => rm(folder, { recursive: true }));

const part = (): PartRuns => new PartRuns(join(folder, 'main'));
const fileOf = (run: string): string => join(folder, 'main', `${run}.jsonl`);
/** The file of earlier versions, a run a line. */
const plain = (): string => join(folder, 'main.jsonl');
const packed = (): string => join(folder, 'main.jsonl.gz');
const failure = (run: string): RunLine => ({
  run,
  error: { code: 'run/not-finite', message: 'Diverged.', nextStep: 'Start again.' },
});
const names = async (): Promise<string[]> => [...(await part().runs()).keys()];

function run(name: string): RunLine {
  return { run: name, results: { ...resultsOfScript(embeddedSettings('quick', 'gorp')), health: [], spaces: [] } };
}

test('a run is read as it was added, by its name, and only the first of that name is added', async () => {
  expect([...(await part().runs())]).toEqual([]);
  const [one, other] = [run('one'), failure('other')];
  const reader = part();
  expect([await part().add(one), await part().add(other)]).toEqual([true, true]);
  expect([...(await reader.runs()).values()]).toEqual([one, other]);
  expect(await part().add(failure('one'))).toBe(false);
  expect([...(await reader.runs()).values()], 'what is added later is read too').toEqual([one, other]);
  expect(await readdir(folder), 'no lock is left').toEqual(['main']);
  expect((await readdir(join(folder, 'main'))).sort()).toEqual(['one.jsonl', 'other.jsonl']);
});

test('a run whose file was deleted can be made again', async () => {
  const one = part();
  await one.add(failure('one'));
  await one.runs();
  await rm(fileOf('one'));
  expect(await one.add(run('one'))).toBe(true);
  expect([...(await one.runs()).values()]).toEqual([run('one')]);
});

test('processes that add at once lose no run', async () => {
  const all = Array.from({ length: 12 }, (_, i) => `run-${i}`);
  const added = await Promise.all(all.map((name) => part().add(failure(name))));
  expect(added.every(Boolean)).toBe(true);
  expect((await names()).sort()).toEqual(all.sort());
});

test.each(['', '../one', 'a/b', 'a\\b'])(
  'a run with a name that leads out of the folder is refused: %j',
  async (name) => {
    await expect(async () => part().add(failure(name))).rejects.toMatchObject({ code: 'run/bad-results' });
    expect(await readdir(folder)).toEqual([]);
  },
);

describe('a crash', () => {
  test('while a run is written leaves nothing of it, and what it left is removed', async () => {
    await part().add(run('one'));
    const draft = `${fileOf('two')}.01234567-89ab-cdef-0123-456789abcdef.partial`;
    await writeFile(draft, lineOf(run('two')).slice(0, 99));
    expect(await names()).toEqual(['one']);
    expect(await part().add(run('two'))).toBe(true);
    expect((await readdir(join(folder, 'main'))).sort()).toEqual(['one.jsonl', 'two.jsonl']);
  });

  test('between packing and removing the files costs no run', async () => {
    for (const name of ['one', 'two']) await part().add(run(name));
    await writeFile(packed(), gzipSync(await readFile(fileOf('one'))));
    expect((await names()).sort()).toEqual(['one', 'two']);
  });
});

describe('the file of an earlier version', () => {
  const lines = ['one', 'two'].map((name) => lineOf(run(name)));

  test('is read, and takes further runs beside it', async () => {
    await writeFile(plain(), lines.join(''));
    expect(await part().add(failure('three'))).toBe(true);
    expect(await part().add(failure('one'))).toBe(false);
    expect(await names()).toEqual(['one', 'two', 'three']);
    expect(await readFile(plain(), 'utf8')).toBe(lines.join(''));
  });

  test.each([
    ['but for its line feed', 1, ['one', 'two']],
    ['in the middle', 200, ['one']],
  ])('counts without a last line that a crash cut off, %s', async (_, cut, wanted) => {
    await writeFile(plain(), lines.join('').slice(0, -cut));
    expect(await names()).toEqual(wanted);
  });

  test('is refused with a whole last line that this version cannot read', async () => {
    await writeFile(
      plain(),
      lines
        .join('')
        .trimEnd()
        .replace(/"version":2(?!.*"version":2)/s, '"version":3'),
    );
    await expect(part().runs()).rejects.toMatchObject({
      code: 'run/bad-results',
      message: expect.stringMatching(/main\.jsonl, line 2 is not a run/) as string,
    });
  });

  test.each<[string, (lines: string[]) => string[], RegExp]>([
    ['cut in the middle', ([a, ...rest]) => [`${a.slice(0, 300)}\n`, ...rest], /main\.jsonl, line 1 is not a run/],
    ['an empty line', ([a, ...rest]) => [a, '\n', ...rest], /main\.jsonl, line 2 is not a run/],
    ['a field without a value', ([a, ...rest]) => [a.replace('"finished"', 'null'), ...rest], /results\.status/],
    ['one name twice', ([a]) => [a, a.replace('0.1', '0.2')], /has the run one, of which there are other results/],
  ])('is refused with the line: %s', async (_, change, message) => {
    await writeFile(plain(), change(lines).join(''));
    const refused = { code: 'run/bad-results', message: expect.stringMatching(message) as string };
    await expect(part().runs()).rejects.toMatchObject(refused);
    await expect(part().add(failure('four'))).rejects.toMatchObject(refused);
  });
});

test('a file that was damaged is refused by name', async () => {
  await part().add(run('one'));
  await writeFile(fileOf('one'), lineOf(run('one')).slice(0, 300));
  const refused = { code: 'run/bad-results', message: expect.stringMatching(/main.one\.jsonl is not a run/) as string };
  await expect(part().runs()).rejects.toMatchObject(refused);
  await expect(part().add(failure('two'))).rejects.toMatchObject(refused);
});

test('a packed file that was cut off is refused', async () => {
  await writeFile(packed(), gzipSync(lineOf(run('one'))).subarray(0, -20));
  await expect(part().runs()).rejects.toMatchObject({
    code: 'run/bad-results',
    message: expect.stringMatching(/main\.jsonl\.gz is damaged/) as string,
  });
});

test('a large part is packed, also for readers that know its files, and takes further runs', async () => {
  const reader = part();
  const large = (name: string): RunLine => {
    const line = failure(name);
    return 'error' in line ? { ...line, error: { ...line.error, message: 'x'.repeat(140_000) } } : line;
  };
  await writeFile(plain(), lineOf(large('one')));
  await reader.runs();
  await part().pack();
  expect(await readdir(folder), 'a small part stays as it is').toEqual(['main.jsonl']);
  await part().add(large('two'));
  expect((await reader.runs()).size).toBe(2);
  await part().pack();
  expect([await readdir(folder), await readdir(join(folder, 'main'))]).toEqual([['main', 'main.jsonl.gz'], []]);
  expect([...(await reader.runs()).values()]).toEqual(['one', 'two'].map(large));
  await part().add(failure('three'));
  expect((await reader.runs()).size).toBe(3);
  await part().pack();
  expect(await readdir(join(folder, 'main'))).toEqual([]);
  expect([...(await reader.runs()).keys()]).toEqual(['one', 'two', 'three']);
});

test('a packed line stays as an earlier commit wrote it, without the settings of later ones', async () => {
  const early = JSON.parse(lineOf(run('early'))) as { results: { settings: { training: Record<string, unknown> } } };
  delete early.results.settings.training['trainedBlocks'];
  const line = `${JSON.stringify(early)}\n`;
  await mkdir(join(folder, 'main'));
  await writeFile(fileOf('early'), line);
  await part().add({ ...failure('large'), error: { code: 'run/failed', message: 'x'.repeat(300_000), nextStep: '' } });
  expect((await part().runs()).get('early')).toEqual(run('early'));
  await part().pack();
  expect(gunzipSync(await readFile(packed())).toString()).toContain(line);
  expect((await part().runs()).get('early')).toEqual(run('early'));
});

test('what is packed while others read is never missing', async () => {
  const large = { ...failure('one'), error: { code: 'run/not-finite', message: 'x'.repeat(300_000), nextStep: '' } };
  await mkdir(join(folder, 'main'));
  for (let turn = 0; turn < 5; turn++) {
    await part().add({ ...large, run: `run-${turn}` } as RunLine);
    const sizes = await Promise.all([
      part().pack(),
      ...Array.from({ length: 6 }, async () => (await part().runs()).size),
    ]);
    expect(sizes.slice(1)).toEqual(new Array(6).fill(turn + 1));
  }
});
