import { expect, test } from 'vitest';
import { EXIT } from './exit-codes.ts';
import { ELSEWHERE, oneByOne } from './one-by-one.ts';

test('retries runs of other processes after all others, until they are made', async () => {
  const calls: string[] = [];
  let busy = 2;
  const exit = await oneByOne(['a', 'b', 'c'], (run, isAgain) => {
    calls.push(isAgain ? `${run} again` : run);
    return Promise.resolve(run === 'a' && busy-- > 0 ? ELSEWHERE : EXIT.ok);
  });
  expect(exit).toBe(EXIT.ok);
  expect(calls).toEqual(['a', 'b', 'c', 'a again', 'a again']);
});

test('continues after a failed run, and stops after an interrupted one', async () => {
  const made: number[] = [];
  const all = (codes: readonly number[]): Promise<number> =>
    oneByOne(codes, (code) => {
      made.push(code);
      return Promise.resolve(code);
    });
  expect(await all([EXIT.ok, EXIT.device, EXIT.input, EXIT.ok])).toBe(EXIT.device);
  expect(made.splice(0)).toHaveLength(4);
  expect(await all([EXIT.device, EXIT.interrupted, EXIT.ok])).toBe(EXIT.interrupted);
  expect(made).toEqual([EXIT.device, EXIT.interrupted]);
});
