import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TokenPair } from '../base/batch.ts';
import { decoderSizes, listTokens, plannedDecoderSizes, roundedUp, sharedTokens, spansOf } from './decoder-batch.ts';

const QUESTION = [1, 20, 21, 22, 23, 24, 25, 26, 27];

describe('listTokens', () => {
  it('reads what rows share once, then what remains of each, and tells what predicts their labels', () => {
    const rows = [
      { source: [...QUESTION, 5], label: [7, 2] },
      { source: [3, 4], label: [6] },
      { source: [...QUESTION, 5, 6], label: [8, 9, 2] },
    ];
    const sizes = decoderSizes(rows, false);
    expect(sizes).toEqual({ rows: 3, sources: 3, tokens: 18, labels: 6, gated: false });
    expect(listTokens(rows, { ...sizes, tokens: 19, labels: 8 }, 0)).toEqual({
      ids: Uint32Array.of(...QUESTION, 5, 7, 5, 6, 8, 9, 3, 4, 0, 0),
      positions: Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 9, 10, 11, 12, 0, 1, 0, 0),
      counts: Float32Array.of(2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0),
      rowOf: Uint32Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 1, 1, 0, 0),
      spans: Uint32Array.of(
        ...[0, 9, 0, 0, 0, 9],
        ...[9, 2, 0, 9, 9, 2],
        ...[11, 4, 0, 9, 11, 4],
        ...[15, 2, 15, 0, 15, 2],
        ...[17, 2, 17, 0, 17, 2],
      ),
      labels: Int32Array.of(7, 2, 6, 8, 9, 2, -100, -100),
      predicting: Uint32Array.of(9, 10, 16, 12, 13, 14, 0, 0),
    });
  });

  it('shares nothing with gates, few tokens, nor the token that predicts an answer', () => {
    const rows = [
      { source: QUESTION, label: [7, 2] },
      { source: QUESTION, label: [8, 3] },
    ];
    expect(decoderSizes(rows, true).tokens).toBe(20);
    expect(decoderSizes(rows, false).tokens).toBe(12);
    const { spans, predicting } = listTokens(rows, decoderSizes(rows, false), 0);
    expect([...spans.subarray(0, 12)]).toEqual([0, 8, 0, 0, 0, 8, 8, 2, 0, 8, 8, 2]);
    expect([...predicting]).toEqual([8, 9, 10, 11]);
    const few = rows.map(({ source, label }) => ({ source: source.slice(0, 8), label }));
    expect(decoderSizes(few, false).tokens).toBe(18);
  });

  it('reads an example within another that begins with it, such as an earlier answer of a conversation', () => {
    const rows = [
      { source: [1, 5, 6], label: [7, 2] },
      { source: [1, 5, 6, 7, 2, 8], label: [9, 3, 2] },
      { source: [1, 5, 6, 7, 2, 8], label: [4] },
      { source: [1, 5, 6, 9, 2, 8], label: [4] },
    ];
    const sizes = decoderSizes(rows, false);
    expect(sizes.tokens).toBe(14);
    const { ids, counts, labels, predicting, spans } = listTokens(rows, sizes, 0);
    expect([...ids]).toEqual([1, 5, 6, 7, 2, 8, 9, 3, 1, 5, 6, 9, 2, 8]);
    expect([...counts]).toEqual([3, 3, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
    expect([...labels]).toEqual([7, 2, 9, 3, 2, 4, 4, -100]);
    expect([...predicting]).toEqual([2, 3, 5, 6, 7, 5, 13, 0]);
    expect([...spans.subarray(0, 12)]).toEqual([0, 8, 0, 0, 0, 8, 8, 6, 8, 0, 8, 6]);
  });

  it('refuses examples that do not fit', () => {
    const fits = [{ source: [1, 2, 3], label: [4, 5] }];
    const sizes = decoderSizes(fits, false);
    expect(() => listTokens(fits, sizes, 0)).not.toThrow();
    expect(() => listTokens([{ source: [1, 2, 3], label: [4, 5, 6] }], sizes, 0)).toThrow(RangeError);
    expect(() => listTokens([{ source: [1, 2, 3, 4], label: [5, 6] }], sizes, 0)).toThrow(RangeError);
    expect(() => listTokens([...fits, ...fits], sizes, 0)).toThrow(RangeError);
  });

  // Prompts of a task or two, each with words of its own.
  const row = fc.record({
    task: fc.nat(2),
    own: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 12 }),
    label: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
  });
  const rowsOf = fc.array(row, { minLength: 1, maxLength: 9 }).map((all) =>
    all.map(({ task, own, label }): TokenPair => {
      const beginning = task === 0 ? [] : QUESTION.map((id) => id * task);
      return { source: [...beginning, ...own], label };
    }),
  );

  it.each([false, true])('holds every row once, in its order, at its positions (gates: %s)', (gated) => {
    fc.assert(
      fc.property(rowsOf, (rows) => {
        const sizes = decoderSizes(rows, gated);
        const list = listTokens(rows, sizes, 0);
        expect(list.spans).toHaveLength(6 * spansOf(sizes));
        const spans = Array.from({ length: spansOf(sizes) }, (_, i) => [...list.spans.subarray(6 * i, 6 * i + 6)]);
        const texts = spans.map(([, , sharedBegin, sharedCount, ownBegin, ownCount]) =>
          [...list.ids.subarray(sharedBegin, sharedBegin + sharedCount)].concat(
            ...list.ids.subarray(ownBegin, ownBegin + ownCount),
          ),
        );
        for (const { source, label } of rows) {
          const text = [...source, ...label].slice(0, -1);
          expect(texts.some((one) => text.every((id, i) => one[i] === id))).toBe(true);
        }
        const owners = new Float32Array(sizes.tokens);
        for (const [begin, count, sharedBegin, sharedCount, ownBegin, ownCount] of spans) {
          expect([ownBegin, ownCount]).toEqual([begin, count]);
          owners.fill(1, begin, begin + count);
          if (sharedCount > 0)
            expect(spans).toContainEqual([sharedBegin, sharedCount, sharedBegin, 0, sharedBegin, sharedCount]);
        }
        expect(owners.every((count) => count === 1)).toBe(true);
        expect(list.counts.reduce((a, b) => a + b)).toBe(
          rows.reduce((sum, { source, label }) => sum + source.length + label.length - 1, 0),
        );
        const labels = rows.flatMap(({ label }) => label);
        expect([...list.labels.subarray(0, labels.length)]).toEqual(labels);
        let at = 0;
        for (const { source, label } of rows) {
          label.forEach((_, i) => {
            const token = list.predicting[at++];
            expect(list.positions[token]).toBe(source.length - 1 + i);
            expect(list.ids[token]).toBe([...source, ...label][source.length - 1 + i]);
          });
        }
      }),
    );
  });

  it('takes no more tokens than a beginning for each task, or than a plan', () => {
    fc.assert(
      fc.property(rowsOf, (rows) => {
        const apart = decoderSizes(rows, true);
        const shared = decoderSizes(rows, false);
        expect(shared.tokens).toBeLessThanOrEqual(apart.tokens);
        const ofTask = (task: number): number =>
          rows.filter(({ source }) => QUESTION.every((id, i) => source[i] === id * task)).length;
        const saved = [1, 2].reduce((sum, task) => sum + Math.max(0, ofTask(task) - 1) * 9, 0);
        const all = rows.reduce((sum, { source, label }) => sum + source.length + label.length - 1, 0);
        expect(shared.tokens).toBeLessThanOrEqual(roundedUp(all - saved, 'tokens'));
        const [S, T] = (['source', 'label'] as const).map((of) => Math.max(...rows.map((one) => one[of].length)));
        const plan = plannedDecoderSizes({ B: rows.length, S, T, shared: sharedTokens(rows) }, false);
        expect(shared.tokens).toBeLessThanOrEqual(plan.tokens);
        expect(shared.labels).toBeLessThanOrEqual(plan.labels);
      }),
    );
  });
});

describe('roundedUp', () => {
  it('is one of a few sizes, not much larger', () => {
    const counts = Array.from({ length: 5000 }, (_, i) => i + 1);
    for (const count of counts) {
      for (const [of, share] of [['tokens', 1 / 8] as const, ['labels', 1 / 2] as const]) {
        expect(roundedUp(count, of)).toBeGreaterThanOrEqual(count);
        expect(roundedUp(count, of)).toBeLessThan(count * (1 + share));
      }
    }
    const sizes = counts.filter((count) => count > 256 && count <= 1024).map((count) => roundedUp(count, 'tokens'));
    expect(new Set(sizes).size).toBe(16);
    expect(roundedUp(0, 'labels')).toBe(1);
  });
});
