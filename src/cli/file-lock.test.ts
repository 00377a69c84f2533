import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileLock } from './file-lock.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'));
  path = join(folder, 'a.lock');
});
afterEach(() => rm(folder, { recursive: true }));

/** Retries until it has the lock. */
async function taken(name: string): Promise<FileLock> {
  for (;;) {
    const lock = await FileLock.take(path, name);
    if (lock !== null) return lock;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

test('has one holder until it is released', async () => {
  const lock = await taken('first');
  expect(await FileLock.take(path, 'second')).toBeNull();
  expect(await FileLock.holder(path)).toBe('first');
  await lock.release();
  expect(await FileLock.holder(path)).toBeNull();
  await (await taken('second')).release();
  expect(await readdir(folder)).toEqual([]);
});

test('an abandoned lock is taken over by one finder at a time', async () => {
  for (let trial = 0; trial < 12; trial++) {
    await writeFile(path, trial % 2 === 0 ? 'of an earlier version' : '{"token":"dead","name":"dead"}');
    await utimes(path, 0, 0);
    let [holders, max, turns] = [0, 0, 0];
    const work = async (i: number): Promise<void> => {
      const lock = await taken(`worker ${i}`);
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

test('a holder that lost it neither touches nor removes it', async () => {
  const lost = await taken('asleep');
  // It seems to be on another machine.
  await writeFile(
    path,
    JSON.stringify({ ...(JSON.parse(await readFile(path, 'utf8')) as object), process: undefined }),
  );
  await utimes(path, 0, 0);
  const now = await taken('awake');
  await lost.release();
  expect(await FileLock.holder(path)).toBe('awake');
  expect(await readFile(path, 'utf8')).toContain('awake');
  await now.release();
});

test('after the machine has slept, a lock stays with the process that has yet to touch it', async () => {
  const lock = await taken('slept');
  await utimes(path, 0, 0);
  const other = FileLock.take(path, 'awake first');
  setTimeout(() => void utimes(path, new Date(), new Date()), 300);
  expect(await other).toBeNull();
  expect(await FileLock.holder(path)).toBe('slept');
  await lock.release();
});

test('a lock that a live process does not touch is that of a killed one with the same number', async () => {
  const killed = await taken('killed');
  await utimes(path, 0, 0);
  const lock = await FileLock.take(path, 'next', 300);
  expect(lock).not.toBeNull();
  await killed.release();
  await lock?.release();
});

test('a takeover killed midway blocks others only briefly', async () => {
  await writeFile(path, 'dead');
  await writeFile(`${path}.takeover`, 'dead too');
  await utimes(path, 0, 0);
  await utimes(`${path}.takeover`, 0, 0);
  await (await taken('next')).release();
  expect(await readdir(folder)).toEqual([]);
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
