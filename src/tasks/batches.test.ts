import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketLength, evaluationOrder, longestSource, trainingOrder } from './batches.ts';
import type { EncodedExample } from './fit.ts';

const ofLength = (source: number, label: number): EncodedExample => ({
  source: Array.from({ length: source }, (_, i) => 100 + i),
  label: Array.from({ length: label }, (_, i) => 200 + i),
});

describe('bucketLength', () => {
  it('is the smallest multiple that holds the length, at most the maximum', () => {
    expect([0, 1, 4, 5, 8, 9, 10].map((length) => bucketLength(length, 4, 10))).toEqual([4, 4, 4, 8, 8, 10, 10]);
  });
});

describe('orders of batches', () => {
  it('hold every example once; training batches are full but for the last, test batches fit their texts', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9)), fc.integer({ min: 1, max: 7 }), fc.integer(), (lengths, batchSize, seed) => {
        const examples = lengths.map((length) => ofLength(length, 1));
        const tests = evaluationOrder(examples, { batchSize, sourceLength: 9 });
        const training = trainingOrder(examples, batchSize, seed, 0);
        for (const order of [training, tests.map(({ indexes }) => indexes)]) {
          expect(order.flat().sort((a, b) => a - b)).toEqual(examples.map((_, i) => i));
          expect(order.every(({ length }) => length > 0 && length <= batchSize)).toBe(true);
        }
        expect(training.slice(0, -1).every((batch) => batch.length === batchSize)).toBe(true);
        for (const { indexes, S } of tests) {
          const longest = Math.max(...indexes.map((i) => examples[i].source.length));
          expect(S).toBe(bucketLength(longest, 4, 9));
        }
      }),
    );
  });

  it('differ by seed and epoch in training, and are reproducible', () => {
    const same = Array.from({ length: 40 }, () => ofLength(5, 1));
    const order = (seed: number, epoch: number): string => JSON.stringify(trainingOrder(same, 8, seed, epoch));
    expect(order(1, 0)).toBe(order(1, 0));
    expect(new Set([order(1, 0), order(2, 0), order(1, 1), order(2, 1)]).size).toBe(4);
  });

  it('put training examples of similar length together', () => {
    const examples = Array.from({ length: 64 }, (_, i) => ofLength(1 + ((i * 37) % 64), 1));
    const spread = (batch: number[]): number => {
      const lengths = batch.map((i) => examples[i].source.length);
      return Math.max(...lengths) - Math.min(...lengths);
    };
    expect(Math.max(...trainingOrder(examples, 8, 1, 0).map(spread))).toBeLessThan(8);
  });

  const evaluated = (lengths: number[], batchSize: number) =>
    evaluationOrder(
      lengths.map((length) => ofLength(length, 1)),
      { batchSize, sourceLength: 512 },
    ).map(({ indexes, S }) => [S, ...indexes]);

  it('put tests of similar length together, the batch with the most tokens first', () => {
    expect(evaluated([2, 9, 4, 9, 1], 3)).toEqual([
      [12, 1, 3],
      [4, 2, 0, 4],
    ]);
    expect(longestSource(evaluationOrder([], { batchSize: 3, sourceLength: 9 }))).toBe(1);
  });

  it('test a few longer texts separately if padding the rest would cost more than another batch', () => {
    expect(evaluated([10, 300, 10, 10], 4)).toEqual([
      [300, 1],
      [12, 0, 2, 3],
    ]);
    expect(evaluated([10, 60, 10, 10], 4)).toEqual([[60, 1, 0, 2, 3]]);
  });
});
