import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunEvent } from '../../src/run/events/events.ts';
import type { Results } from '../../src/run/results/results.ts';
import { Run } from '../../src/run/run.ts';
import type { RunSettings } from '../../src/run/settings/settings.ts';
import { tinyHost, tinySettings } from '../../src/testing/tiny-run.ts';
import { type GoingOn, goingOn } from './folder.ts';

const SETTINGS = tinySettings('gorp-plus');
let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'study-'))));
afterEach(() => rm(folder, { recursive: true }));

/** Runs to the end, or to where `stopAt` stops it. */
async function execute(
  host: GoingOn['host'],
  stopAt: (event: RunEvent) => boolean = () => false,
): Promise<{ results: Results; phases: string[] }> {
  const phases: string[] = [];
  const run: Run = new Run(
    tinyHost((event) => {
      if (event.type === 'progress') phases.push(`${event.phase} ${event.round}`);
      if (stopAt(event)) run.stop();
    }, host),
    SETTINGS,
  );
  await run.execute();
  const { results } = run;
  if (results === null || results.error) throw new Error('the run failed');
  return { results, phases };
}

test('an interrupted run of a study resumes within its round, and ends like an uninterrupted one', async () => {
  const own = join(folder, 'unfinished', 'gorp-plus-seed1');
  const open = (settings: RunSettings = SETTINGS): Promise<GoingOn> => goingOn(own, settings, () => undefined);
  const whole = await execute({});
  const first = await open();
  expect(first.host.savedCheckpoint, 'there is nothing to resume from').toBeUndefined();
  await execute(first.host, (event) => event.type === 'progress' && event.phase === 'train' && event.round === 2);
  const second = await open();
  const { results, phases } = await execute(second.host);
  expect(phases).not.toContain('train 1');
  expect(results.curves.loss).toEqual(whole.results.curves.loss);
  expect(results.accuracy).toEqual(whole.results.accuracy);
  await second.clear();
  expect(existsSync(own)).toBe(false);
});

test('refuses a checkpoint of other settings by name, and leaves it', async () => {
  const own = join(folder, 'unfinished', 'gorp-plus-seed1');
  const { host } = await goingOn(own, SETTINGS, () => undefined);
  await execute(host, (event) => event.type === 'progress' && event.phase === 'train');
  const other = { ...SETTINGS, training: { ...SETTINGS.training, epochs: 3 } };
  await expect(goingOn(own, other, () => undefined)).rejects.toMatchObject({
    code: 'run/other-study',
    message: expect.stringContaining('training.epochs') as string,
  });
  expect((await goingOn(own, SETTINGS, () => undefined)).host.savedCheckpoint).toBeDefined();
});
