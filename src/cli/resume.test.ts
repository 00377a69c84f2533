import { spawn } from 'node:child_process';
import { existsSync, type PathLike } from 'node:fs';
import type * as FsPromises from 'node:fs/promises';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Results } from '../run/results/results.ts';
import { TESTS_ALL } from '../testing/tier.ts';
import { train } from './train.ts';

const fs = createRequire(import.meta.url)('node:fs/promises') as typeof FsPromises;
const { mkdir, open } = fs;
/** Nothing is created at paths that match it, as on a full disk. */
let full: RegExp | null = null;
const failing =
  <Rest extends unknown[], T>(create: (path: PathLike, ...rest: Rest) => Promise<T>) =>
  (path: PathLike, ...rest: Rest): Promise<T> =>
    full?.test(String(path)) === true ? Promise.reject(new Error('ENOSPC: no space left')) : create(path, ...rest);

let folder: string;
let said = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'resume-'));
  vi.stubGlobal('__APP_VERSION__', '0.0.0'); // set by the build
  vi.stubGlobal('__APP_COMMIT__', 'test');
  said = '';
  full = null;
  Object.assign(fs, { mkdir: failing(mkdir), open: failing(open) });
  syncBuiltinESMExports();
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
  }
});
afterEach(async () => {
  Object.assign(fs, { mkdir, open });
  syncBuiltinESMExports();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await rm(folder, { recursive: true });
});

const TRAIN = [
  ...['--preset', 'quick', '--method', 'gorp-plus', '--device', 'cpu'],
  ...[
    ...['training.trainExamples=4', 'training.testExamples=4', 'training.batchSize=1', 'training.epochs=1'],
    'training.generalText=none', // src/run/probes/general-text.test.ts resumes with it
  ].flatMap((set) => ['--set', set]),
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

test.each(TESTS_ALL ? ['0', '0.0001'] : ['0.0001'])(
  'a disk too full for the last round costs nothing: the run says so, and resumes (a checkpoint every %s minutes)',
  async (minutes) => {
    const out = join(folder, 'run');
    const args = [...TRAIN, '--out', out, '--checkpoint', minutes];
    const rounds = (): Promise<string[]> => readdir(join(out, 'logs_and_outputs', 'order_custom', 'outputs'));
    full = /2-emoji/;
    expect(await train(args)).toBe(3);
    expect(said).toContain('The files of 2-emoji could not be saved');
    expect(said).toContain('Ended early (failed)');
    expect(said).toContain('The same command with --resume auto continues the run.');
    const before = await resultsIn(out);
    expect(before).toMatchObject({ status: 'failed', error: { code: 'store/failed' } });
    expect(before.accuracy.exact.flat(), 'everything is learned and tested').not.toContain(null);
    expect([existsSync(join(out, 'checkpoints')), await rounds()]).toEqual([
      minutes !== '0',
      ['1-people', 'task_order.txt'],
    ]);
    expect(await train([...args, '--resume', 'auto']), 'still full').toBe(3);

    full = /results\.json/;
    await expect(train([...args, '--resume', 'auto']), 'room for the round alone').rejects.toMatchObject({
      code: 'store/failed',
    });
    expect(existsSync(join(out, 'checkpoints'))).toBe(minutes !== '0');

    full = null;
    expect(await train([...args, '--resume', 'auto'])).toBe(0);
    expect(await rounds()).toEqual(['1-people', '2-emoji', 'task_order.txt']);
    const after = await resultsIn(out);
    expect([after.status, existsSync(join(out, 'checkpoints'))]).toEqual(['finished', false]);
    expect(after.curves.loss).toEqual(before.curves.loss);
    expect(after.accuracy).toEqual(before.accuracy);
  },
);
