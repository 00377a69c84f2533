import { expect, test } from 'vitest';
import { isTooDeep, MAX_NESTING } from './nesting.ts';

const nested = (depth: number, [open, close]: readonly [string, string]): unknown =>
  JSON.parse(`${open.repeat(depth)}1${close.repeat(depth)}`);

test.each([['[', ']'] as const, ['{"a":', '}'] as const])(
  '%s nested further than any file is found, at any depth',
  (...form) => {
    expect([1, MAX_NESTING].map((depth) => isTooDeep(nested(depth, form)))).toEqual([false, false]);
    expect([MAX_NESTING + 1, 200_000].map((depth) => isTooDeep(nested(depth, form)))).toEqual([true, true]);
  },
);
