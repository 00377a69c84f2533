import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scriptedRun } from '../app/testing/script.ts';
import { embeddedSettings } from '../run/presets.ts';
import type { Results } from '../run/results.ts';
import { readRuns, StudyFiles } from './study-files.ts';

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'study-'));
});
afterEach(() => rm(out, { recursive: true }));

function resultsOf(epochs: number, startedAt = '2026-11-24T10:00:00.000Z'): Results {
  const { training, ...settings } = embeddedSettings('quick', 'gorp');
  const last = scriptedRun({ ...settings, training: { ...training, epochs } }, { startedAt }).at(-1);
  if (last?.type !== 'finished') throw new Error('the script does not end in results');
  return last.results;
}

test('refuses a run of the same method and seed but other settings, by name', async () => {
  const files = new StudyFiles(out);
  expect(await files.take(resultsOf(1))).toBe(true);
  await expect(files.take(resultsOf(2))).rejects.toMatchObject({
    code: 'run/other-study',
    message: expect.stringContaining('gorp-seed1.json') as string,
  });
  expect((await readRuns(out)).runs.map(({ settings }) => settings.training.epochs)).toEqual([1]);
});

test('of two runs with the same settings keeps the first, and reports the second as left out', async () => {
  const files = new StudyFiles(out);
  await files.take(resultsOf(1));
  expect(await files.take(resultsOf(1))).toBe(true);
  expect(await files.take(resultsOf(1, '2026-11-25T10:00:00.000Z'))).toBe(false);
  expect((await readRuns(out)).runs.map(({ startedAt }) => startedAt)).toEqual(['2026-11-24T10:00:00.000Z']);
});

test('leaves out an unreadable file and names it', async () => {
  const files = new StudyFiles(out);
  await files.take(resultsOf(1));
  await writeFile(join(out, 'runs', 'gorp-seed2.json'), '{"half":');
  const { runs, table, unreadable } = await files.summarise();
  expect([runs.length, table.includes('| gorp | 1 |')]).toEqual([1, true]);
  expect(unreadable.map(({ code, message }) => [code, message.includes('gorp-seed2.json')])).toEqual([
    ['run/bad-results', true],
  ]);
});

test('only one process at a time makes a run', async () => {
  const [files, others] = [new StudyFiles(out), new StudyFiles(out)];
  const { settings } = resultsOf(1);
  const free = await files.claim(settings);
  expect(await others.claim(settings)).toBeNull();
  await free?.();
  const again = await others.claim(settings);
  expect(again).not.toBeNull();
  await again?.();
});
