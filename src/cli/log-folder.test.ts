import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { embeddedSettings } from '../run/planning/presets.ts';
import type { Results } from '../run/results/results.ts';
import { eventFileName, LOG_FILE, logFiles, TABLE_FILES } from '../run/results/run-log.ts';
import { bytesOfFile } from '../testing/output-files.ts';
import { scriptedRun } from '../testing/scripted-run.ts';
import { LogFolder } from './log-folder.ts';
import { fold } from '../run/events/fold.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'log-'));
});
afterEach(() => rm(folder, { recursive: true }));

const events = scriptedRun({ ...embeddedSettings('quick', 'gorp-plus'), order: ['gloss', 'field'] });

async function written(resumed: Results | null = null): Promise<Results> {
  const log = await LogFolder.open(folder, resumed);
  const whole = events.reduce<Results | null>((before, event) => {
    const results = fold(before, event);
    log.add(event, results);
    return results;
  }, null);
  await log.finish();
  if (whole === null) throw new Error('the script does not begin');
  return whole;
}

test('a run that goes on leaves the tables of a run that has ended, and the same values', async () => {
  const results = await written();
  const files = logFiles(results);
  expect((await readdir(folder)).sort()).toEqual(files.map(({ path }) => path).sort());
  for (const file of files.filter(({ path }) => /^(trainer|eval)/.test(path))) {
    expect(await readFile(join(folder, file.path))).toEqual(Buffer.from(await bytesOfFile(file)));
  }
  const rows = (await readFile(join(folder, 'log.csv'), 'utf8')).split('\r\n');
  const losses = rows.map((row) => row.split(',')[2]).filter((cell) => cell !== '' && cell !== undefined);
  expect(losses.slice(1).map(Number)).toEqual(results.curves.loss);
});

test('the log of another run is refused, and the same run writes its own again', async () => {
  const results = await written();
  const before = await readFile(join(folder, eventFileName(results)));
  await expect(LogFolder.open(folder, null)).rejects.toMatchObject({ code: 'run/log-is-taken' });
  await expect(LogFolder.open(folder, { ...results, id: crypto.randomUUID() })).rejects.toMatchObject({
    code: 'run/log-is-taken',
  });
  await written(results);
  expect(await readFile(join(folder, eventFileName(results)))).toEqual(before);
});

test.each([LOG_FILE, ...TABLE_FILES])('a file %s of another program is refused', async (file) => {
  await writeFile(join(folder, file), 'Mine.');
  for (const resumed of [null, events.reduce<Results | null>((before, event) => fold(before, event), null)]) {
    await expect(LogFolder.open(folder, resumed)).rejects.toMatchObject({
      code: 'run/log-is-taken',
      message: expect.stringContaining(file) as string,
    });
  }
});

test('a file in place of the folder is refused with what to do', async () => {
  const file = join(folder, 'log');
  await writeFile(file, 'Mine.');
  await expect(LogFolder.open(file, null)).rejects.toMatchObject({
    code: 'store/failed',
    message: expect.stringContaining(file) as string,
  });
});
