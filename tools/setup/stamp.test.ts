import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runIfDue, type Step } from './stamp.ts';

describe('runIfDue', () => {
  const step: Step = { inputs: ['src', 'config.json', 'absent'], outputs: ['out'] };
  let root: string;
  let runs: number;

  const put = (path: string, text: string): void => {
    writeFileSync(join(root, path), text);
  };
  const go = (work?: () => void, version?: string): Promise<boolean> =>
    runIfDue(root, version === undefined ? step : { ...step, version }, join(root, 'cache', 'stamp'), () => {
      runs++;
      work?.();
      put('out', 'made');
      return Promise.resolve();
    });

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'gorp-stamp-'));
    mkdirSync(join(root, 'src', 'deep'), { recursive: true });
    put('src/a.ts', 'a');
    put('src/deep/b.ts', 'b');
    put('config.json', '{}');
    runs = 0;
    await go();
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  it('runs once, and not again while nothing changes', async () => {
    expect(await go()).toBe(false);
    expect(runs).toBe(1);
  });

  it.each<[string, () => void]>([
    ['a file deep in an input folder changes', () => put('src/deep/b.ts', 'B')],
    ['a file is added', () => put('src/c.ts', '')],
    ['a file is removed', () => rmSync(join(root, 'src/a.ts'))],
    ['a file moves with its content', () => (rmSync(join(root, 'src/a.ts')), put('src/z.ts', 'a'))],
    ['text moves from one file to the next', () => (put('src/a.ts', ''), put('src/deep/b.ts', 'ab'))],
    ['an input that was absent appears', () => put('absent', '')],
    ['an output is missing', () => rmSync(join(root, 'out'))],
  ])('runs again when %s', async (_, change) => {
    change();
    expect(await go()).toBe(true);
    expect(await go()).toBe(false);
  });

  it('runs again for another version', async () => {
    expect(await go(undefined, 'next')).toBe(true);
    expect(await go(undefined, 'next')).toBe(false);
  });

  it('runs again after a failure, even when the inputs go back to what they were', async () => {
    put('config.json', '{"broken":true}');
    const failing = go(() => {
      throw new Error('broken');
    });
    await expect(failing).rejects.toThrow('broken');
    put('config.json', '{}');
    expect(await go()).toBe(true);
  });
});
