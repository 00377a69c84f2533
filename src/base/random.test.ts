import { expect, test } from 'vitest';
import { mixSeed } from './random.ts';

test('seeds that are equal modulo 2³² are different seeds', () => {
  const seeds = [1, 1 + 2 ** 32, 1 + 2 ** 33, 1 - 2 ** 32, -1, 2 ** 32 - 1, Number.MAX_SAFE_INTEGER, -(2 ** 53) + 1];
  expect(new Set(seeds.map((seed) => mixSeed(seed, 'epoch', 0))).size).toBe(seeds.length);
});

test('seeds of 32 bits give what they always gave', () => {
  expect([1, -1, 0, 2 ** 31 - 1].map((seed) => mixSeed(seed, 'round', 2))).toEqual(GIVEN);
});

const GIVEN = [-1274698617, 215103097, -1541163468, -1932380551];
