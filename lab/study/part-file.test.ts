import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { scriptedRun } from '../../src/testing/scripted-run.ts';
import { embeddedSettings } from '../../src/run/presets.ts';
import type { RunLine } from '../../src/run/run-lines.ts';
import { PartFile } from './part-file.ts';

let folder: string;
let warnings: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'part-'));
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true }));

const part = (): PartFile => new PartFile(join(folder, 'main'), (message) => warnings.push(message));
const plain = (): string => join(folder, 'main.jsonl');
const packed = (): string => join(folder, 'main.jsonl.gz');
const failure = (run: string): RunLine => ({
  run,
  error: { code: 'run/not-finite', message: 'Diverged.', nextStep: 'Start again.' },
});
const names = async (): Promise<string[]> => [...(await part().runs()).keys()];

function run(name: string): RunLine {
  const last = scriptedRun(embeddedSettings('quick', 'gorp')).at(-1);
  if (last?.type !== 'finished') throw new Error('the script does not end in results');
  return { run: name, results: { ...last.results, health: [], spaces: [] } };
}

test('a run is read as it was added, by its name, and only the first of that name is added', async () => {
  expect([...(await part().runs())]).toEqual([]);
  const [one, other] = [run('one'), failure('other')];
  const reader = part();
  expect([await part().add(one), await part().add(other)]).toEqual([true, true]);
  expect([...(await reader.runs()).values()]).toEqual([one, other]);
  expect(await part().add(failure('one'))).toBe(false);
  expect([...(await reader.runs()).values()], 'what is added later is read too').toEqual([one, other]);
  expect(await readdir(folder), 'no lock is left').toEqual(['main.jsonl']);
});

test('processes that add at once lose no run', async () => {
  const all = Array.from({ length: 12 }, (_, i) => `run-${i}`);
  const added = await Promise.all(all.map((name) => part().add(failure(name))));
  expect(added.every(Boolean)).toBe(true);
  expect((await names()).sort()).toEqual(all.sort());
});

describe('a crash', () => {
  beforeEach(async () => {
    for (const name of ['one', 'two']) await part().add(run(name));
  });

  test('that cuts off the last line costs that run only, and is reported', async () => {
    const whole = await readFile(plain());
    for (const cut of [1, 200, whole.length / 2 - 2]) {
      warnings = [];
      await writeFile(plain(), whole);
      await truncate(plain(), whole.length - cut);
      if (cut === 1) {
        // Only the line feed is lost.
        expect(await part().add(failure('three'))).toBe(true);
        expect([await names(), warnings]).toEqual([['one', 'two', 'three'], []]);
        continue;
      }
      expect(await names(), 'a reader ignores it').toEqual(['one']);
      await part().mend();
      expect(warnings).toEqual([expect.stringMatching(/main\.jsonl, line 2 was cut off/)]);
      expect(await readFile(plain())).toEqual(whole.subarray(0, whole.length / 2));
      expect(await part().add(failure('three'))).toBe(true);
      expect(await names()).toEqual(['one', 'three']);
    }
  });

  test('never costs a whole last line, even one that this version cannot read', async () => {
    const whole = await readFile(plain(), 'utf8');
    const later = whole.trimEnd().replace(/"version":2(?!.*"version":2)/s, '"version":3');
    await writeFile(plain(), later);
    await expect(part().mend()).rejects.toMatchObject({
      code: 'run/bad-results',
      message: expect.stringMatching(/main\.jsonl, line 2 is not a run/) as string,
    });
    expect(await readFile(plain(), 'utf8')).toBe(later);
  });

  test('that leaves zeros after the lines costs no run', async () => {
    await appendFile(plain(), Buffer.alloc(4096));
    expect(await part().add(failure('three'))).toBe(true);
    expect([await names(), warnings.length]).toEqual([['one', 'two', 'three'], 1]);
  });

  test('between packing and removing the plain file costs no run', async () => {
    await writeFile(packed(), gzipSync(await readFile(plain())));
    expect(await names()).toEqual(['one', 'two']);
  });
});

describe('a part that was damaged is refused with the line', () => {
  const damage = async (change: (lines: string[]) => string[]): Promise<void> => {
    for (const name of ['one', 'two', 'three']) await part().add(run(name));
    const lines = (await readFile(plain(), 'utf8')).split('\n');
    await writeFile(plain(), change(lines).join('\n'));
  };

  test.each<[string, (lines: string[]) => string[], RegExp]>([
    ['cut in the middle', ([a, b, ...rest]) => [a, b.slice(0, 300), ...rest], /main\.jsonl, line 2 is not a run/],
    ['cut at its beginning', ([a, ...rest]) => [a.slice(9), ...rest], /main\.jsonl, line 1 is not a run/],
    ['an empty line', ([a, ...rest]) => [a, '', ...rest], /main\.jsonl, line 2 is not a run/],
    ['a field without a value', ([a, ...rest]) => [a.replace('"finished"', 'null'), ...rest], /results\.status/],
    ['one name twice', ([a, b, ...rest]) => [a, b.replace('"two"', '"one"').replace('0.1', '0.2'), ...rest], /twice/],
  ])('%s', async (_, change, message) => {
    await damage(change);
    await expect(part().runs()).rejects.toMatchObject({
      code: 'run/bad-results',
      message: expect.stringMatching(message) as string,
    });
    await expect(part().add(failure('four'))).rejects.toMatchObject({ code: 'run/bad-results' });
  });

  test('a packed file that was cut off', async () => {
    await part().add(run('one'));
    const bytes = gzipSync(await readFile(plain()));
    await writeFile(packed(), bytes.subarray(0, -20));
    await rm(plain());
    await expect(part().runs()).rejects.toMatchObject({
      code: 'run/bad-results',
      message: expect.stringMatching(/main\.jsonl\.gz is damaged/) as string,
    });
  });
});

test('a large part is packed, also for readers that know its plain file, and takes further runs', async () => {
  const reader = part();
  const large = (name: string): RunLine => {
    const line = failure(name);
    return 'error' in line ? { ...line, error: { ...line.error, message: 'x'.repeat(140_000) } } : line;
  };
  await part().add(large('one'));
  await reader.runs();
  await part().pack();
  expect(await readdir(folder), 'a small part stays plain').toEqual(['main.jsonl']);
  await part().add(large('two'));
  expect((await reader.runs()).size).toBe(2);
  await part().pack();
  expect(await readdir(folder)).toEqual(['main.jsonl.gz']);
  expect([...(await reader.runs()).values()]).toEqual(['one', 'two'].map(large));
  await part().add(failure('three'));
  expect((await reader.runs()).size).toBe(3);
  await part().pack();
  expect(await readdir(folder)).toEqual(['main.jsonl.gz']);
  expect([...(await reader.runs()).keys()]).toEqual(['one', 'two', 'three']);
});
