import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstRounds, measuresOf } from './measures.ts';

const R = [
  [0.1, 0.2, 0.3],
  [0.8, 0.3, 0.3],
  [0.9, 0.7, 0.5],
  [0.4, 0.6, 0.9],
];

describe('measuresOf', () => {
  it('follows docs/method.md, eq. (21)', () => {
    const m = measuresOf(R);
    expect(m.averagePerformance).toBeCloseTo((0.4 + 0.6 + 0.9) / 3);
    expect(m.averagePerformanceCurve.map((v) => v?.toFixed(6))).toEqual(['0.800000', '0.800000', '0.633333']);
    expect(m.backwardTransfer).toBeCloseTo((0.4 - 0.8 + (0.6 - 0.7)) / 2);
    // Task 1 was best after round 2, not when it was learned.
    expect(m.forgetting).toBeCloseTo((0.9 - 0.4 + (0.7 - 0.6)) / 2);
    expect(m.forwardTransfer).toBeCloseTo((0.3 - 0.2 + (0.5 - 0.3)) / 2);
    expect(m.justLearned).toBeCloseTo((0.8 + 0.7 + 0.9) / 3);
  });

  it('distinguishes a missing entry from 0', () => {
    const m = measuresOf([
      [null, null],
      [0, null],
      [0.5, null],
    ]);
    expect(m).toEqual({
      averagePerformance: null,
      averagePerformanceCurve: [0, null],
      backwardTransfer: 0.5,
      forgetting: 0,
      forwardTransfer: null,
      justLearned: null,
    });
  });

  it('gives no forgetting where a round since a task was learned did not test it', () => {
    expect(
      measuresOf([
        [null, null, null],
        [0.5, null, null],
        [null, 0.6, null],
        [0.4, 0.6, 0.9],
      ]),
    ).toMatchObject({
      averagePerformanceCurve: [0.5, null, expect.closeTo(1.9 / 3)],
      forgetting: null,
      forwardTransfer: null,
    });
  });

  it('gives no transfer with one task, and nothing without one', () => {
    expect(measuresOf([[0.2], [0.9]])).toMatchObject({
      averagePerformance: 0.9,
      backwardTransfer: null,
      forgetting: null,
      forwardTransfer: null,
    });
    expect(measuresOf([])).toMatchObject({ averagePerformance: null, averagePerformanceCurve: [] });
    expect(measuresOf([[]])).toMatchObject({ averagePerformance: null, averagePerformanceCurve: [] });
  });

  it('never gives negative forgetting, and forgetting is at least the loss of backward transfer', () => {
    const square = fc.integer({ min: 2, max: 6 }).chain((t) =>
      fc.array(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: t, maxLength: t }), {
        minLength: t + 1,
        maxLength: t + 1,
      }),
    );
    fc.assert(
      fc.property(square, (matrix) => {
        const { forgetting, backwardTransfer } = measuresOf(matrix);
        expect(forgetting).toBeGreaterThanOrEqual(0);
        expect(forgetting ?? NaN).toBeGreaterThanOrEqual(-(backwardTransfer ?? NaN) - 1e-12);
      }),
    );
  });
});

describe('identities', () => {
  const matrixOf = <T>(entry: fc.Arbitrary<T>) =>
    fc
      .integer({ min: 2, max: 6 })
      .chain((t) => fc.array(fc.array(entry, { minLength: t, maxLength: t }), { minLength: t + 1, maxLength: t + 1 }));
  const fraction = fc.double({ min: 0, max: 1, noNaN: true });

  it('gives no forgetting and no transfer without change', () => {
    fc.assert(
      fc.property(fraction, fc.integer({ min: 2, max: 6 }), (value, t) => {
        const m = measuresOf(Array.from({ length: t + 1 }, () => new Array<number>(t).fill(value)));
        expect([m.backwardTransfer, m.forgetting, m.forwardTransfer]).toEqual([0, 0, 0]);
        expect(m.averagePerformance).toBeCloseTo(value);
        expect(m.justLearned).toBeCloseTo(value);
      }),
    );
  });

  it('the last point of the curve is the average, which is the just-learned mean plus (T−1)/T of BWT', () => {
    fc.assert(
      fc.property(matrixOf(fraction), (matrix) => {
        const m = measuresOf(matrix);
        const t = matrix.length - 1;
        expect(m.averagePerformanceCurve.at(-1)).toBe(m.averagePerformance);
        expect(m.averagePerformance).toBeCloseTo((m.justLearned ?? NaN) + ((m.backwardTransfer ?? NaN) * (t - 1)) / t);
      }),
    );
  });

  it('gives null for a measure exactly if an entry it needs is null', () => {
    fc.assert(
      fc.property(matrixOf(fc.option(fraction, { freq: 4 })), (matrix) => {
        const m = measuresOf(matrix);
        const t = matrix.length - 1;
        const tasks = Array.from({ length: t }, (_, i) => i + 1);
        const lacks = (entries: [round: number, task: number][]): boolean =>
          entries.some(([round, task]) => matrix[round][task - 1] === null);
        const learned = tasks.slice(0, -1).flatMap((j): [number, number][] => [
          [t, j],
          [j, j],
        ]);
        expect(m.averagePerformance === null).toBe(lacks(tasks.map((j) => [t, j])));
        expect(m.justLearned === null).toBe(lacks(tasks.map((j) => [j, j])));
        expect(m.backwardTransfer === null).toBe(lacks(learned));
        const since = tasks
          .slice(0, -1)
          .flatMap((j) => tasks.slice(j - 1).map((round): [number, number] => [round, j]));
        expect(m.forgetting === null).toBe(lacks(since));
        expect(m.forwardTransfer === null).toBe(
          lacks(
            tasks.slice(1).flatMap((j): [number, number][] => [
              [j - 1, j],
              [0, j],
            ]),
          ),
        );
      }),
    );
  });
});

describe('firstRounds', () => {
  it('cuts rows and columns, to show measures during a run', () => {
    expect(firstRounds(R, 2)).toEqual([
      [0.1, 0.2],
      [0.8, 0.3],
      [0.9, 0.7],
    ]);
    expect(measuresOf(firstRounds(R, 2)).averagePerformance).toBeCloseTo(0.8);
  });
});
