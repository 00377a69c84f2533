import { expect, test, vi } from 'vitest';
import type { GorpError } from '../base/errors.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { slowTokenizer } from '../testing/slow-tokenizer.ts';
import { nodeTokenizerGuard } from './tokenizer-guard.ts';

test('gives up on an endless regular expression, and names the model', () => {
  const tokenizer = loadTokenizer(slowTokenizer(), {}, 'closed', nodeTokenizerGuard('org/crafted', 0.2));
  expect(tokenizer.encode('red ball').length).toBeGreaterThan(0);
  expect(() => tokenizer.encode('a'.repeat(60))).toThrow(
    expect.objectContaining({
      code: 'text/tokenizer-too-slow',
      message: expect.stringContaining('org/crafted') as string,
    }) as GorpError,
  );
  expect(tokenizer.encode('blue').length, 'it works afterwards').toBeGreaterThan(0);
});

test('a machine that sleeps during a text does not count as a slow tokenizer', () => {
  const guard = nodeTokenizerGuard('m', 0.2);
  // While the machine sleeps, no process computes; what other threads of this one compute meanwhile is not meant.
  const clock = vi.spyOn(process, 'cpuUsage').mockReturnValue({ user: 0, system: 0 });
  let tries = 0;
  const word = new Int32Array(new SharedArrayBuffer(4));
  const sleepAtFirst = (): string => {
    if (++tries === 1) Atomics.wait(word, 0, 0, 2000); // takes time without computing
    return 'encoded';
  };
  expect([guard(sleepAtFirst), tries]).toEqual(['encoded', 2]);
  clock.mockRestore();
});

test('passes on what the work throws and returns', () => {
  const guard = nodeTokenizerGuard('m');
  const error = new RangeError('of its own');
  expect(guard(() => 7)).toBe(7);
  expect(() =>
    guard(() => {
      throw error;
    }),
  ).toThrow(error);
});
