import { describe, expect, test } from 'vitest';
import { reported, Stopped } from './control.ts';

/** Work of three parts that notes what happens to it. */
const threeParts =
  (log: string[]) =>
  async (report: (part: number) => Promise<void>): Promise<string> => {
    try {
      for (const part of [1, 2, 3]) {
        log.push(`did ${part}`);
        await report(part);
      }
      return 'whole';
    } finally {
      log.push('freed');
    }
  };

describe('work that reports its parts', () => {
  test('yields every part in turn, then returns what the work returns', async () => {
    const parts = reported(threeParts([]));
    expect([await parts.next(), await parts.next(), await parts.next(), await parts.next()]).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      { done: false, value: 3 },
      { done: true, value: 'whole' },
    ]);
  });

  test('waits while the next part is not asked for', async () => {
    const log: string[] = [];
    const parts = reported(threeParts(log));
    await parts.next();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(log).toEqual(['did 1']);
    await parts.next();
    expect(log).toEqual(['did 1', 'did 2']);
    await parts.return('');
  });

  test('unwinds when it is closed, before the closing ends', async () => {
    const log: string[] = [];
    let thrown: unknown;
    const parts = reported(async (report: (part: number) => Promise<void>) => {
      await threeParts(log)(report).catch((error: unknown) => (thrown = error));
      await new Promise((resolve) => setTimeout(resolve, 5));
      log.push('ended');
    });
    await parts.next();
    await parts.return();
    expect(log).toEqual(['did 1', 'freed', 'ended']);
    expect(thrown).toBeInstanceOf(Stopped);
  });

  test('throws what the work throws', async () => {
    const parts = reported(async (report: (part: number) => Promise<void>) => {
      await report(1);
      throw new Error('broken');
    });
    await parts.next();
    await expect(parts.next()).rejects.toThrow('broken');
  });
});
