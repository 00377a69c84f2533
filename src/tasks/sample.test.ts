import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleBalanced } from './cut.ts';
import type { Example } from './task.ts';

const make = (counts: Record<string, number>): Example[] =>
  Object.entries(counts).flatMap(([label, n]) =>
    Array.from({ length: n }, (_, i) => ({ label, sentence: `${label}${i}` })),
  );
const countOf = (examples: readonly Example[], label: string): number =>
  examples.filter((one) => one.label === label).length;

describe('sampleBalanced', () => {
  it('takes the same number of every label', () => {
    const sample = sampleBalanced(make({ a: 50, b: 20, c: 30 }), 30, 1);
    expect(['a', 'b', 'c'].map((label) => countOf(sample, label))).toEqual([10, 10, 10]);
  });

  it('takes all examples of a rare label, and fills up from the rest', () => {
    const sample = sampleBalanced(make({ a: 50, b: 3, c: 30 }), 30, 1);
    expect(countOf(sample, 'b')).toBe(3);
    expect(Math.abs(countOf(sample, 'a') - countOf(sample, 'c'))).toBeLessThanOrEqual(1);
    expect(sample.length).toBe(30);
  });

  it('returns all examples for size 0 and for sizes above their number', () => {
    const all = make({ a: 2, b: 5 });
    expect(sampleBalanced(all, 0, 1)).toEqual(all);
    expect(sampleBalanced(all, 8, 1)).toEqual(all);
    expect(sampleBalanced([], 8, 1)).toEqual([]);
  });

  it('depends on the seed, and does not take the first rows', () => {
    const all = make({ a: 40, b: 40 });
    expect(sampleBalanced(all, 20, 1)).toEqual(sampleBalanced(all, 20, 1));
    expect(sampleBalanced(all, 20, 1)).not.toEqual(sampleBalanced(all, 20, 2));
    expect(sampleBalanced(all, 20, 1).some(({ sentence }) => Number(sentence.slice(1)) >= 10)).toBe(true);
  });

  it('is balanced, as large as possible, without repeats, in order, and part of any larger sample', () => {
    const counts = fc.dictionary(fc.constantFrom('a', 'b', 'c', '-'), fc.nat(12));
    fc.assert(
      fc.property(counts, fc.integer({ min: 1, max: 40 }), fc.integer(), (labels, size, seed) => {
        const all = make(labels);
        const sample = sampleBalanced(all, size, seed);
        expect(sample.length).toBe(Math.min(size, all.length));
        const places = sample.map((example) => all.indexOf(example));
        expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
        const max = Math.max(0, ...Object.keys(labels).map((label) => countOf(sample, label)));
        for (const [label, n] of Object.entries(labels)) {
          expect(countOf(sample, label)).toBeGreaterThanOrEqual(Math.min(n, max - 1));
        }
        const larger = sampleBalanced(all, size + 1, seed);
        expect(sample.every((example) => larger.includes(example))).toBe(true);
      }),
    );
  });
});
