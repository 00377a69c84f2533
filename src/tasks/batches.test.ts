import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textOf } from '../base/batch.ts';
import { evenChunks } from '../base/statistics.ts';
import { tokensRead } from '../models/token-list.ts';
import { chainsOf, trainingOrder } from './batches.ts';
import type { EncodedExample } from './fit.ts';

const ofLength = (source: number, label: number): EncodedExample => ({
  source: Array.from({ length: source }, (_, i) => 100 + i),
  label: Array.from({ length: label }, (_, i) => 200 + i),
});

describe('orders of batches', () => {
  it('hold every example once; training batches are full but for the last, and test batches about equally full', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9)), fc.integer({ min: 1, max: 7 }), fc.integer(), (lengths, batchSize, seed) => {
        const examples = lengths.map((length) => ofLength(length, 1));
        const tests = evenChunks([...examples.keys()], batchSize);
        const training = trainingOrder(examples, { batchSize, seed, groupByLength: seed % 2 === 0 }, 0);
        for (const order of [training, tests]) {
          expect(order.flat().sort((a, b) => a - b)).toEqual(examples.map((_, i) => i));
          expect(order.every(({ length }) => length > 0 && length <= batchSize)).toBe(true);
        }
        expect(training.slice(0, -1).every((batch) => batch.length === batchSize)).toBe(true);
        expect(tests).toHaveLength(Math.ceil(lengths.length / batchSize));
        for (const { length } of tests.slice(0, -1))
          expect(length - tests[tests.length - 1].length).toBeLessThan(tests.length);
      }),
    );
  });

  it('hold as many examples as have room, where they are packed by tokens', () => {
    const tokensIn = (rows: readonly EncodedExample[]): number => tokensRead(rows.map(textOf), true);
    const lengths = fc.array(fc.tuple(fc.nat(20), fc.nat(3)), { maxLength: 60 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 24, max: 90 }), fc.integer(), (drawn, tokens, seed) => {
        // Some begin with all of another, as conversations do, and some with nothing that others have.
        const examples = drawn.map(([length, first]) => ({
          source: [first, ...ofLength(length, 0).source],
          label: [length, 1],
        }));
        const drawing = { batchSize: 1, seed, groupByLength: seed % 2 === 0, budget: { tokens, tokensIn } };
        const order = trainingOrder(examples, drawing, 0, chainsOf(examples));
        expect(order.flat().sort((a, b) => a - b)).toEqual(examples.map((_, i) => i));
        const sizes = order.map((batch) => tokensIn(batch.map((index) => examples[index])));
        expect(sizes.every((size) => size <= tokens)).toBe(true);
        expect(trainingOrder(examples, drawing, 0, chainsOf(examples))).toEqual(order);
      }),
    );
    const apart = Array.from({ length: 50 }, (_, i) => ({ source: [i, 1, 2, 3], label: [1] }));
    const drawing = { batchSize: 1, seed: 1, groupByLength: false, budget: { tokens: 43, tokensIn } };
    expect(trainingOrder(apart, drawing, 0).map(({ length }) => length)).toEqual([10, 10, 10, 10, 10]);
    const [one, two] = [conversation(1, 3), conversation(2, 3)];
    const chains = chainsOf([...one, ...two]);
    const room = { ...drawing, budget: { tokens: 14, tokensIn } }; // one has 14 tokens, of which two answers have 9
    expect(trainingOrder([...one, ...two], room, 0, chains).toSorted((a, b) => a[0] - b[0])).toEqual(chains);
    const parts = trainingOrder([...one, ...two], { ...room, budget: { tokens: 13, tokensIn } }, 0, chains);
    expect(parts.map(({ length }) => length).sort()).toEqual([1, 1, 2, 2]);
  });

  it('differ by seed and epoch in training, and are reproducible', () => {
    const same = Array.from({ length: 40 }, () => ofLength(5, 1));
    const order = (seed: number, epoch: number): string =>
      JSON.stringify(trainingOrder(same, { batchSize: 8, seed, groupByLength: true }, epoch));
    expect(order(1, 0)).toBe(order(1, 0));
    expect(new Set([order(1, 0), order(2, 0), order(1, 1), order(2, 1)]).size).toBe(4);
  });

  it('put training examples of similar length together', () => {
    const examples = Array.from({ length: 64 }, (_, i) => ofLength(1 + ((i * 37) % 64), 1));
    const spread = (batch: number[]): number => {
      const lengths = batch.map((i) => examples[i].source.length);
      return Math.max(...lengths) - Math.min(...lengths);
    };
    const spreads = (groupByLength: boolean): number[] =>
      trainingOrder(examples, { batchSize: 8, seed: 1, groupByLength }, 0).map(spread);
    expect(Math.max(...spreads(true))).toBeLessThan(8);
    expect(Math.min(...spreads(false))).toBeGreaterThan(16);
  });

  const conversation = (first: number, answers: number): EncodedExample[] =>
    Array.from({ length: answers }, (_, turn) => ({
      source: Array.from({ length: 3 + 5 * turn }, (__, i) => 100 * first + i),
      label: Array.from({ length: 2 }, (__, i) => 100 * first + 3 + 5 * turn + i),
    }));

  it('put the answers of a conversation into one batch, if they fit, and every example into one', () => {
    const sizes = [3, 2, 6, 1, 4, 8, 5, 1, 2, 9];
    const examples = sizes.flatMap((answers, i) => conversation(1 + i, answers));
    const mixed = examples.map((_, i) => examples[(i * 19) % examples.length]);
    const chains = chainsOf(mixed);
    expect(chains.map(({ length }) => length).sort()).toEqual([...sizes].sort());
    for (const chain of chains) {
      expect(new Set(chain.map((index) => Math.floor(mixed[index].source[0] / 100))).size).toBe(1);
      expect(chain.map((index) => mixed[index].source.length)).toEqual(chain.map((_, turn) => 3 + 5 * turn));
    }
    const batches = trainingOrder(mixed, { batchSize: 8, seed: 1, groupByLength: true }, 0, chains);
    expect(batches.flat().sort((a, b) => a - b)).toEqual(mixed.map((_, i) => i));
    expect(batches.map(({ length }) => length)).toEqual([8, 8, 8, 8, 8, 1]);
    const parts = (chain: readonly number[]): number =>
      batches.filter((batch) => chain.some((index) => batch.includes(index))).length;
    expect(chains.reduce((sum, chain) => sum + parts(chain), 0)).toBeLessThanOrEqual(chains.length + 3);
  });

  it('are the same with chains of one as without', () => {
    const examples = Array.from({ length: 70 }, (_, i) => ofLength(1 + ((i * 37) % 64), 1 + (i % 3)));
    const others = examples.map(({ source, label }, i) => ({ source: [i, ...source], label }));
    expect(chainsOf(others)).toEqual(others.map((_, i) => [i]));
    const drawing = { batchSize: 8, seed: 3, groupByLength: true };
    expect(trainingOrder(others, drawing, 1, chainsOf(others))).toEqual(trainingOrder(others, drawing, 1));
  });

  it('leave apart what only repeats a prompt, or continues another answer', () => {
    const [first, second] = conversation(1, 2);
    const examples = [
      first,
      { ...first, label: [7, 8] },
      second,
      { ...second, source: [...second.source.slice(0, 3), 9, 9] },
    ];
    expect(chainsOf(examples)).toEqual([[0, 2], [1], [3]]);
  });
});
