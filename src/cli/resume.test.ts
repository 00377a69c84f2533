import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Results } from '../run/results.ts';
import { train } from './train.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'resume-'));
  vi.stubGlobal('__APP_VERSION__', '0.0.0'); // set by the build
  vi.stubGlobal('__APP_COMMIT__', 'test');
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await rm(folder, { recursive: true });
});

const TRAIN = [
  ...['--preset', 'quick', '--method', 'gorp-plus', '--device', 'cpu'],
  ...['training.trainExamples=8', 'training.testExamples=4', 'training.batchSize=1', 'training.epochs=1'].flatMap(
    (set) => ['--set', set],
  ),
];

const resultsIn = async (out: string): Promise<Results> =>
  JSON.parse(await readFile(join(out, 'results.json'), 'utf8')) as Results;

/** Starts the command line in a process of its own, and kills it once it has saved a checkpoint in its second round. */
async function trainAndBeKilled(out: string): Promise<void> {
  const args = ['tools/run.mjs', 'src/cli/main.ts', 'train', ...TRAIN, '--out', out, '--checkpoint', '0.0001'];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  const rounds = join(out, 'logs_and_outputs', 'order_custom', 'outputs');
  while (child.exitCode === null && !existsSync(join(rounds, '1-people'))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill('SIGKILL');
  expect(await ended, 'it was killed before its end').toBe('SIGKILL');
}

test('a killed run resumes with the command that began it, and ends like one that was not killed', async () => {
  const [whole, out] = [join(folder, 'whole'), join(folder, 'run')];
  await trainAndBeKilled(out);
  expect(await readdir(join(out, 'checkpoints'))).not.toHaveLength(0);
  const again = [...TRAIN, '--out', out, '--resume', 'auto'];
  await expect(train([...again, '--seed', '7'])).rejects.toMatchObject({ code: 'run/checkpoint-does-not-fit' });
  expect(await train(again)).toBe(0);
  expect(await train([...TRAIN, '--out', whole, '--checkpoint', '0'])).toBe(0);
  const [killed, unbroken] = [await resultsIn(out), await resultsIn(whole)];
  expect(killed.status).toBe('finished');
  expect(killed.curves.loss).toEqual(unbroken.curves.loss);
  expect(killed.accuracy).toEqual(unbroken.accuracy);
  expect(existsSync(join(out, 'checkpoints')), 'a finished run needs none').toBe(false);

  const { id } = killed;
  expect(await train(again), 'another start has nothing to do').toBe(0);
  expect((await resultsIn(out)).id).toBe(id);
  expect(await readdir(out), 'no draft and no lock is left').toEqual(['logs_and_outputs', 'results.json']);
});
