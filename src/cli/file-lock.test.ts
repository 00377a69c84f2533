import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileLock, type LockTimes } from './file-lock.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'));
  path = join(folder, 'a.lock');
});
afterEach(() => rm(folder, { recursive: true }));

/** Retries until it has the lock. */
async function taken(name: string, times: LockTimes = {}): Promise<FileLock> {
  for (;;) {
    const lock = await FileLock.take(path, name, times);
    if (lock !== null) return lock;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Renewed often, and abandoned soon. */
const QUICK = { beat: 20, stale: 200 };

test('has one holder until it is released', async () => {
  const lock = await taken('first', QUICK);
  expect(await FileLock.take(path, 'second', QUICK)).toBeNull();
  expect(await FileLock.holder(path, QUICK)).toBe('first');
  await lock.release();
  expect(await FileLock.holder(path, QUICK)).toBeNull();
  await (await taken('second', QUICK)).release();
  expect(await readdir(folder)).toEqual([]);
});

test('an abandoned lock is taken over by one finder at a time', async () => {
  for (let trial = 0; trial < 6; trial++) {
    await writeFile(path, trial % 2 === 0 ? 'cut off' : '{"token":"dead","name":"dead"}');
    let [holders, max, turns] = [0, 0, 0];
    const work = async (i: number): Promise<void> => {
      const lock = await taken(`worker ${i}`, QUICK);
      max = Math.max(max, ++holders);
      await new Promise((resolve) => setTimeout(resolve, 3));
      turns++;
      holders--;
      await lock.release();
    };
    await Promise.all([0, 1, 2, 3, 4].map(work));
    expect([max, turns], `trial ${trial}`).toEqual([1, 5]);
  }
  expect(await readdir(folder)).toEqual([]);
}, 60_000);

/** Rewrites what a lock says of its process. */
async function says(process: Record<string, unknown>): Promise<(beat: number) => Promise<void>> {
  const [line, beats] = (await readFile(path, 'utf8')).split('\n');
  const content = JSON.parse(line) as { process: Record<string, unknown> };
  const other = JSON.stringify({ ...content, process: { ...content.process, ...process } });
  const renew = async (beat: number): Promise<void> => {
    await writeFile(path, `${other}\n${String(beat).padStart(beats.length, '0')}`);
    await utimes(path, 0, 0);
  };
  await renew(0);
  return renew;
}

test('a lock that is renewed stays with its owner, whatever the clocks and numbers of its machine', async () => {
  const lock = await taken('alive', QUICK);
  // Its clock is hours behind, and its process has a number that nobody here has.
  const renew = await says({ id: 2 ** 30, here: 'another machine' });
  const other = FileLock.take(path, 'other', QUICK);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await renew(2);
  expect(await other).toBeNull();
  await lock.release();
});

test('a lock of another form stays with its owner while that touches it', async () => {
  await writeFile(path, JSON.stringify({ token: 'a', name: 'a run', process: { id: 2 ** 30, where: 'here' } }));
  const touching = setInterval(() => void utimes(path, new Date(), new Date()), 30);
  expect(await FileLock.take(path, 'other', QUICK)).toBeNull();
  clearInterval(touching);
});

test('a process of another machine that was stopped and lost its lock neither renews nor removes that of another', async () => {
  const lost = await taken('asleep', { ...QUICK, beat: 60_000 });
  await says({ here: 'another machine' });
  const now = await taken('awake', QUICK);
  await lost.release();
  expect(await FileLock.holder(path, QUICK)).toBe('awake');
  await now.release();
  expect(await readdir(folder)).toEqual([]);
});

test('a process of this machine that is too busy to renew its lock does not lose it', async () => {
  const lock = await taken('busy', { beat: 60_000 });
  await new Promise((resolve) => setTimeout(resolve, 2 * QUICK.stale));
  expect(await FileLock.take(path, 'other', QUICK)).toBeNull();
  await lock.release();
});

test('a lock of a process whose id another one has by now is free at once', async () => {
  const lost = await taken('before', { beat: 60_000 });
  await says({ started: '1' });
  const lock = await FileLock.take(path, 'next');
  expect(lock).not.toBeNull();
  await lock?.release();
  await lost.release();
});

test('a takeover killed midway blocks others only briefly', async () => {
  await writeFile(path, 'dead');
  await writeFile(`${path}.takeover`, 'dead too');
  await (await taken('next', QUICK)).release();
  expect(await readdir(folder)).toEqual([]);
});

test('a wait for a lock can be ended', async () => {
  const lock = await taken('first');
  await says({ here: 'another machine' });
  await expect(FileLock.take(path, 'second', { signal: AbortSignal.timeout(50) })).rejects.toThrow();
  await lock.release();
});

test('the lock of a process of this machine that has ended is free at once, and so is one that it was taking over', async () => {
  const script = `import('${new URL('file-lock.ts', import.meta.url).href}').then(({ FileLock }) => FileLock.take(process.argv[1], 'killed')).then(() => process.kill(process.pid, 'SIGKILL'))`;
  const child = spawn(process.execPath, ['--import', 'tsx', '-e', script, path], { stdio: 'inherit' });
  expect(await new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))).toBe('SIGKILL');
  expect(await readdir(folder)).toEqual(['a.lock']);
  await copyFile(path, `${path}.takeover`);
  expect(await FileLock.holder(path)).toBeNull();
  const lock = await FileLock.take(path, 'next');
  expect(lock).not.toBeNull();
  await lock?.release();
  expect(await readdir(folder)).toEqual([]);
});

test('a lock is never there without its content: that of a killed process always tells whose it was', async () => {
  let isOver = false;
  const seen = new Set<boolean>();
  // Read in one go, between any two steps of the other.
  const isEmpty = (): boolean => {
    try {
      return readFileSync(path, 'utf8') === '';
    } catch {
      return false; // no process holds it
    }
  };
  const watch = async (): Promise<void> => {
    while (!isOver) {
      seen.add(isEmpty());
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const watching = watch();
  for (let i = 0; i < 50; i++) {
    const lock = await taken(`${i}`);
    await new Promise((resolve) => setImmediate(resolve));
    await lock.release();
  }
  isOver = true;
  await watching;
  expect([...seen]).toEqual([false]);
});
