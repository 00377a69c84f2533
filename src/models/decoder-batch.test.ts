import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TokenPair } from '../base/batch.ts';
import { type Span, spanTable, startOf } from '../graph/ops/attention.ts';
import { decoderSizes, listTokens, plannedDecoderSizes, sharedTokens } from './decoder-batch.ts';
import { listTexts, roundedUp, runsOf, spansOf, tokenAt } from './token-list.ts';

const QUESTION = [1, 20, 21, 22, 23, 24, 25, 26, 27];

describe('listTokens', () => {
  it('reads what rows share once, then what remains of each, and tells what predicts their labels', () => {
    const rows = [
      { source: [...QUESTION, 5], label: [7, 2] },
      { source: [3, 4], label: [6] },
      { source: [...QUESTION, 5, 6], label: [8, 9, 2] },
    ];
    const sizes = decoderSizes(rows, true);
    expect(sizes).toEqual({ rows: 3, sources: 3, tokens: 16, labels: 6 });
    const { spans, ends, ...list } = listTokens(rows, { ...sizes, tokens: 18, labels: 8 }, { padId: 0, shares: true });
    expect(list).toEqual({
      ids: Uint32Array.of(...QUESTION, 5, 6, 8, 9, 7, 3, 4, 0, 0),
      positions: Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 10, 0, 1, 0, 0),
      counts: Float32Array.of(2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0),
      rowOf: Uint32Array.of(2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 1, 1, 0, 0),
      labels: Int32Array.of(7, 2, 6, 8, 9, 2, -100, -100),
      predicting: Uint32Array.of(9, 13, 15, 10, 11, 12, 0, 0),
    });
    expect(spanTable(spans, 6)).toEqual(
      Uint32Array.of(
        ...[0, 10, 0, 10, 0, 0],
        ...[10, 3, 10, 3, 10, 1],
        ...[13, 1, 13, 1, 10, 1],
        ...[14, 2, 14, 2, 0, 0],
        ...[16, 2, 16, 2, 0, 0],
        ...[0, 0, 0, 0, 0, 0],
      ),
    );
    expect(ends).toEqual([spans[2], spans[3], spans[1]]);
  });

  it('branches as often as texts do, where that saves enough', () => {
    const rows = [
      [...QUESTION, 5, 6, 7, 8, 9, 1],
      [...QUESTION, 5, 6, 7, 8, 9, 2],
      [...QUESTION, 5, 6, 7, 8, 9, 3],
      [...QUESTION, 4, 4],
      [...QUESTION, 4, 5],
    ].map((source) => ({ source, label: [2] }));
    const { runs, ends } = runsOf(
      rows.map(({ source }) => source),
      true,
    );
    expect(runs.map(({ from, to, rows: of, after }) => [from, to, of, after && runs.indexOf(after)])).toEqual([
      [0, 9, 5, undefined],
      [9, 11, 1, 0],
      [9, 11, 1, 0], // two rows that share one more token: not worth it
      [9, 14, 3, 0],
      [14, 15, 1, 3],
      [14, 15, 1, 3],
      [14, 15, 1, 3],
    ]);
    expect(ends.map((run) => run && runs.indexOf(run))).toEqual([4, 5, 6, 1, 2]);
    expect(decoderSizes(rows, true).tokens).toBe(22); // 21
  });

  it('shares nothing with gates, nor few tokens, but the token that predicts different answers', () => {
    const rows = [
      { source: QUESTION, label: [7, 2] },
      { source: QUESTION, label: [8, 3] },
    ];
    expect(decoderSizes(rows, false).tokens).toBe(20);
    expect(decoderSizes(rows, true).tokens).toBe(11);
    const { spans, predicting } = listTokens(rows, decoderSizes(rows, true), { padId: 0, shares: true });
    expect([...spanTable(spans).subarray(0, 12)]).toEqual([0, 9, 0, 9, 0, 0, 9, 1, 9, 1, 9, 1]);
    expect([...predicting]).toEqual([8, 9, 8, 10]);
    const few = rows.map(({ source, label }) => ({ source: source.slice(0, 7), label }));
    expect(decoderSizes(few, true).tokens).toBe(16);
  });

  it('reads an example within another that begins with it, such as an earlier answer of a conversation', () => {
    const rows = [
      { source: [1, 5, 6, 9, 9, 9], label: [7, 2] },
      { source: [1, 5, 6, 9, 9, 9, 7, 2, 8], label: [9, 3, 2] },
      { source: [1, 5, 6, 9, 9, 9, 7, 2, 8], label: [4] },
      { source: [2, 5, 6, 9, 2, 8], label: [4] },
    ];
    const sizes = decoderSizes(rows, true);
    expect(sizes.tokens).toBe(18); // 17
    const { ids, counts, labels, predicting, spans } = listTokens(rows, sizes, { padId: 0, shares: true });
    expect([...ids]).toEqual([1, 5, 6, 9, 9, 9, 7, 2, 8, 9, 3, 2, 5, 6, 9, 2, 8, 0]);
    expect([...counts]).toEqual([3, 3, 3, 3, 3, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
    expect([...labels]).toEqual([7, 2, 9, 3, 2, 4, 4, -100]);
    expect([...predicting]).toEqual([5, 6, 8, 9, 10, 8, 16, 0]);
    expect(spans).toHaveLength(5);
  });

  it('gives an empty text no tokens', () => {
    const { ends, spans } = listTexts([[], [5, 6], []], { N: 2, shares: true, padId: 0 });
    expect(ends).toEqual([undefined, spans[0], undefined]);
    expect(() => tokenAt(ends[0], 0)).toThrow(RangeError);
  });

  it('refuses examples that do not fit', () => {
    const fits = [{ source: [1, 2, 3], label: [4, 5] }];
    const sizes = decoderSizes(fits, true);
    expect(() => listTokens(fits, sizes, { padId: 0, shares: true })).not.toThrow();
    expect(() => listTokens([{ source: [1, 2, 3], label: [4, 5, 6] }], sizes, { padId: 0, shares: true })).toThrow(
      RangeError,
    );
    expect(() => listTokens([{ source: [1, 2, 3, 4], label: [5, 6] }], sizes, { padId: 0, shares: true })).toThrow(
      RangeError,
    );
    expect(() => listTokens([...fits, ...fits], sizes, { padId: 0, shares: true })).toThrow(RangeError);
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

  it.each([false, true])('holds every row once, in its order, at its positions (shared: %s)', (shares) => {
    fc.assert(
      fc.property(rowsOf, (rows) => {
        const sizes = decoderSizes(rows, shares);
        const list = listTokens(rows, sizes, { padId: 0, shares });
        expect(list.spans.length).toBeLessThanOrEqual(spansOf(rows.length));
        const textOf = (end: Span | undefined): number[] =>
          end ? [...textOf(end.after), ...list.ids.subarray(end.keys, end.keys + end.keyCount)] : [];
        rows.forEach(({ source, label }, row) => {
          const text = [...source, ...label].slice(0, -1);
          expect(textOf(list.ends[row])).toEqual(text);
          text.forEach((id, position) => expect(list.ids[tokenAt(list.ends[row], position)]).toBe(id));
        });
        const owners = new Float32Array(sizes.tokens);
        for (const one of list.spans) {
          const { queries, queryCount, keys, keyCount, after } = one;
          expect([keys, keyCount]).toEqual([queries, queryCount]);
          for (let i = keys; i < keys + keyCount; i++) owners[i]++;
          expect(startOf(one)).toBe(after ? startOf(after) + after.keyCount : 0);
          if (after) expect(list.spans).toContain(after);
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
        const apart = decoderSizes(rows, false);
        const shared = decoderSizes(rows, true);
        expect(shared.tokens).toBeLessThanOrEqual(apart.tokens);
        const ofTask = (task: number): number =>
          rows.filter(({ source }) => QUESTION.every((id, i) => source[i] === id * task)).length;
        const saved = [1, 2].reduce((sum, task) => sum + Math.max(0, ofTask(task) - 1) * 9, 0);
        const all = rows.reduce((sum, { source, label }) => sum + source.length + label.length - 1, 0);
        expect(shared.tokens).toBeLessThanOrEqual(roundedUp(all - saved, 'tokens'));
        const [S, T] = (['source', 'label'] as const).map((of) => Math.max(...rows.map((one) => one[of].length)));
        const plan = plannedDecoderSizes({ B: rows.length, S, T, shared: sharedTokens(rows) }, true);
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
      for (const [of, share] of [
        ['tokens', 1 / 8] as const,
        ['labels', 1 / 2] as const,
        ['sources', 1 / 32] as const,
      ]) {
        expect(roundedUp(count, of)).toBeGreaterThanOrEqual(count);
        expect(roundedUp(count, of)).toBeLessThan(count * (1 + share));
      }
    }
    const sizes = counts.filter((count) => count > 256 && count <= 1024).map((count) => roundedUp(count, 'tokens'));
    expect(new Set(sizes).size).toBe(16);
    expect(roundedUp(0, 'labels')).toBe(1);
  });
});

describe('sharedTokens', () => {
  const prompt = (...source: number[]) => ({ source });
  const counted = Array.from({ length: 11 }, (_, i) => i);

  it('is the number of first equal tokens of prompts, without the last of any', () => {
    const shared = counted.slice(0, 9);
    expect(sharedTokens([prompt(...shared, 20, 21), prompt(...shared, 30), prompt(...shared, 20, 22)])).toBe(9);
    expect(sharedTokens([prompt(...counted), prompt(...counted)])).toBe(10);
    expect(sharedTokens([prompt(...counted), prompt(...shared)])).toBe(8);
    expect(sharedTokens([prompt(...shared), prompt(...counted)])).toBe(8);
  });

  it('is 0 if that saves little', () => {
    const seven = counted.slice(0, 7);
    expect(sharedTokens([prompt(...seven, 20), prompt(...seven, 21)])).toBe(0);
    expect(sharedTokens([prompt(...seven, 20), prompt(...seven, 21), prompt(...seven, 22)])).toBe(7);
    expect(sharedTokens([prompt(...counted), prompt(1, ...counted)])).toBe(0);
    expect(sharedTokens([prompt(...counted)])).toBe(0);
    expect(sharedTokens([])).toBe(0);
  });
});
