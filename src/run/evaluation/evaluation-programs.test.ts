import { expect, test } from 'vitest';
import { poolRows } from './evaluation-programs.ts';

const network = (bytes: number) => ({ sourceBytes: (tokens: number) => bytes * tokens });

test('sources wait for their answers if a good part of a batch fits', () => {
  const MiB = 2 ** 20;
  expect(poolRows(network(1024), { B: 50, S: 96 })).toBe(50);
  expect(poolRows(network(MiB), { B: 8, S: 5 })).toBe(6);
  expect(poolRows(network(MiB), { B: 8, S: 8 })).toBe(4);
  expect(poolRows(network(MiB), { B: 8, S: 9 })).toBe(0);
  expect(poolRows(network(MiB), { B: 8, S: 512 })).toBe(0);
  expect(poolRows(network(1), { B: 1, S: 5 })).toBe(0);
});
