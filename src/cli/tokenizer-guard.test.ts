import { expect, test } from 'vitest';
import { GorpError } from '../base/errors.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { slowTokenizer } from '../testing/slow-tokenizer.ts';
import { nodeTokenizerGuard } from './tokenizer-guard.ts';

test('a regular expression that takes for ever is given up, and the error names the model', () => {
  const { encode } = loadTokenizer(slowTokenizer(), {}, 'closed', nodeTokenizerGuard('org/crafted', 0.2));
  expect(encode('red ball').length).toBeGreaterThan(0);
  expect(() => encode('a'.repeat(60))).toThrow(
    expect.objectContaining({
      code: 'text/tokenizer-too-slow',
      message: expect.stringContaining('org/crafted') as string,
    }) as GorpError,
  );
  expect(encode('blue').length, 'it can be used afterwards').toBeGreaterThan(0);
});

test('what the work throws and gives comes through', () => {
  const guard = nodeTokenizerGuard('m');
  const error = new RangeError('of its own');
  expect(guard(() => 7)).toBe(7);
  expect(() =>
    guard(() => {
      throw error;
    }),
  ).toThrow(error);
});
