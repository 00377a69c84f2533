import { smoothed } from '../../base/statistics.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawnIndices, lossColumns, sampledRows, taskStretches, withGaps } from './Figure.tsx';

const oneRound = (values: readonly unknown[]): number[] => values.map(() => 1);

describe('lossColumns', () => {
  it('turns non-finite values into gaps', () => {
    const curves = { loss: [2, NaN, 1], gradientNorm: [1, Infinity, 0.5], seconds: [1, 1, 2] };
    expect(lossColumns({ step: [1, 2, 3], round: [1, 1, 2], ...curves })).toEqual({
      steps: [1, 2, 3],
      rounds: [1, 1, 2],
      losses: [2, null, 1],
      gradientNorms: [1, null, 0.5],
    });
  });

  it('is empty before the first step', () => {
    expect(lossColumns(null).steps).toEqual([]);
  });
});

describe('smoothed', () => {
  it('returns the values at weight 0', () => {
    expect(smoothed([3, 1, null, 2], oneRound([1, 2, 3, 4]), 0)).toEqual([3, 1, null, 2]);
  });

  it('leaves a constant unchanged at any weight', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: -5, max: 5 }), (weight, value) => {
        for (const out of smoothed([value, value, value], [1, 1, 1], weight)) expect(out).toBeCloseTo(value, 9);
      }),
    );
  });

  it('restarts with each round and continues after a gap', () => {
    const out = smoothed([4, 0, null, 0, 8], [1, 1, 1, 1, 2], 0.5);
    expect(out[0]).toBe(4);
    expect(out[1]).toBeCloseTo(4 / 3);
    expect(out[2]).toBeNull();
    expect(out[3]).toBeCloseTo(4 / 7);
    expect(out[4]).toBe(8);
  });
});

describe('drawnIndices', () => {
  it('returns all indices of a short series', () => {
    expect(drawnIndices([5, 6, 7], 10)).toEqual([0, 1, 2]);
    expect(drawnIndices([], 10)).toEqual([]);
  });

  it('includes the ends and every spike within the bound', () => {
    const values = Array.from({ length: 10_000 }, (_, i) => (i === 4321 ? 99 : i === 8765 ? -99 : Math.sin(i / 500)));
    const drawn = drawnIndices(values, 400);
    expect(drawn.length).toBeLessThanOrEqual(400);
    expect(drawn).toEqual(expect.arrayContaining([0, 4321, 8765, 9999]));
  });

  it('ascends, stays in range and within the bound for any series', () => {
    const value = fc.option(fc.double({ noNaN: true, min: -10, max: 10 }), { nil: null });
    fc.assert(
      fc.property(fc.array(value, { maxLength: 200 }), fc.integer({ min: 4, max: 50 }), (values, max) => {
        const drawn = drawnIndices(values, max);
        expect(drawn.length).toBeLessThanOrEqual(Math.max(max, 0));
        drawn.forEach((index, i) => {
          expect(index).toBeGreaterThan(drawn[i - 1] ?? -1);
          expect(index).toBeLessThan(values.length);
        });
      }),
    );
  });
});

describe('withGaps', () => {
  it('breaks the line only between rounds', () => {
    const points = [
      { x: 1, y: 3, round: 1 },
      { x: 2, y: null, round: 1 },
      { x: 3, y: 2, round: 2 },
    ];
    expect(withGaps(points)).toEqual([...points.slice(0, 2), { x: 2.5, y: null }, points[2]]);
  });
});

describe('taskStretches', () => {
  it('counts steps from 1 through the run and leaves out rounds without steps', () => {
    const names = ['gloss', 'field', 'people'];
    expect(taskStretches([10, 0, 5], (round) => names[round - 1] ?? '')).toEqual([
      { task: 'gloss', from: 1, to: 10 },
      { task: 'people', from: 11, to: 15 },
    ]);
  });
});

describe('sampledRows', () => {
  it('includes the first and last', () => {
    expect(sampledRows(0, 5)).toEqual([]);
    expect(sampledRows(3, 5)).toEqual([0, 1, 2]);
    const rows = sampledRows(1000, 5);
    expect(rows).toEqual([0, 250, 500, 749, 999]);
  });
});
