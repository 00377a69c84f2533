import { describe, expect, it } from 'vitest';
import { moved } from './arrange.ts';

describe('moved', () => {
  it.each([
    [0, 2, 'bcad'],
    [2, 0, 'cabd'],
    [1, 1, 'abcd'],
    [3, 0, 'dabc'],
    [-1, 2, 'abcd'],
    [0, 4, 'abcd'],
  ])('moves from %i to %i', (from, to, expected) => {
    const items = [...'abcd'];
    expect(moved(items, from, to).join('')).toBe(expected);
    expect(items.join('')).toBe('abcd');
  });
});
