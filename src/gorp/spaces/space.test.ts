import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  awkwardMatrix,
  diagonalMatrix,
  largestDifference,
  orthonormalityError,
  randomMatrix,
  randomOrthonormal,
  projectOutRight,
} from '../../testing/matrices.ts';
import {
  columnSlice,
  energy,
  type Matrix,
  matrix,
  multiply,
  multiplyTranspose,
  transpose,
} from '../../linear-algebra/matrix.ts';
import { growSpaceFromCovariance } from '../../testing/input-space.ts';
import { growSpace, projectOutLeft } from './space.ts';

const projector = (space: Matrix): Matrix => multiplyTranspose(space, space);

/** A moment with the given singular values and random vectors. */
function momentOf(values: number[], rows: number, columns: number, seed: number): Matrix {
  const left = randomOrthonormal(rows, values.length, seed);
  return multiplyTranspose(multiply(left, diagonalMatrix(values)), randomOrthonormal(columns, values.length, seed + 1));
}

describe('projectOutLeft and projectOutRight', () => {
  it('remove everything inside the space and nothing outside', () => {
    const space = randomOrthonormal(9, 3, 1);
    const a = randomMatrix(9, 5, 2);
    const out = projectOutLeft(a, space);
    expect(energy(multiply(transpose(space), out))).toBeLessThan(1e-28);
    expect(largestDifference(projectOutLeft(out, space), out)).toBeLessThan(1e-15);
    expect(largestDifference(projectOutRight(transpose(a), space), transpose(out))).toBeLessThan(1e-15);
    expect(largestDifference(projectOutLeft(a, matrix(9, 0)), a)).toBe(0);
  });
});

describe('growSpace', () => {
  // Energies 0.5, 0.3, 0.15, 0.05 of the whole.
  const moment = momentOf([0.5, 0.3, 0.15, 0.05].map(Math.sqrt), 12, 6, 1);

  it('adds the fewest directions that hold the threshold, as in the paper', () => {
    for (const [threshold, expected] of [
      [0.4, 1],
      [0.51, 2],
      [0.79, 2],
      [0.81, 3],
      [0.949, 3],
      [0.951, 4],
      [1, 4],
    ] as const) {
      const { space, added, total, heldBefore } = growSpace({ space: null, moment, threshold });
      expect([added, total, space.columns, heldBefore]).toEqual([expected, expected, expected, 0]);
    }
  });

  it('reports the spectrum outside the space and the share held before', () => {
    const first = growSpace({ space: null, moment, threshold: 0.79 });
    expect(first.spectrum).toEqual([0.5, 0.3, 0.15, 0.05, 0, 0].map((share) => expect.closeTo(share, 12) as number));
    const second = growSpace({ space: first.space, moment, threshold: 0.9 });
    expect(second.heldBefore).toBeCloseTo(0.8, 12);
    expect([second.added, second.total]).toEqual([1, 3]);
    expect(second.spectrum.slice(0, 3)).toEqual([0.15, 0.05, 0].map((share) => expect.closeTo(share, 12) as number));
    expect(largestDifference(columnSlice(second.space, 0, 2), first.space)).toBe(0);
  });

  it('adds nothing for a moment of zeros or one that the space already holds', () => {
    const { space } = growSpace({ space: null, moment, threshold: 1 });
    expect(growSpace({ space: null, moment: matrix(12, 6), threshold: 0.9 })).toMatchObject({
      added: 0,
      total: 0,
      heldBefore: 0,
    });
    const again = growSpace({ space, moment, threshold: 1 });
    expect(again).toMatchObject({ added: 0, total: 4 });
    expect(again.heldBefore).toBeCloseTo(1, 12);
  });

  it('stops growing when it is full', () => {
    let space: Matrix | null = null;
    for (let task = 0; task < 5; task++) {
      const growth = growSpace({ space, moment: randomMatrix(8, 40, task), threshold: 0.9 });
      space = growth.space;
      expect(space.columns).toBeLessThanOrEqual(8);
      if (growth.heldBefore > 0.999) expect([growth.added, growth.spectrum.length]).toEqual([0, 8 - space.columns]);
    }
    const full = growSpace({ space, moment: randomMatrix(8, 40, 9), threshold: 1 });
    expect(full.total).toBe(8);
    const after = growSpace({ space: full.space, moment: randomMatrix(8, 3, 10), threshold: 1 });
    expect(after).toMatchObject({ added: 0, total: 8, spectrum: [] });
    expect(after.heldBefore).toBeCloseTo(1, 12);
  });

  it('stays orthonormal over many tasks, even when saved in float32 in between', () => {
    let space: Matrix | null = null;
    for (let task = 0; task < 40; task++) {
      const moment = momentOf([1, 0.1, 1e-3], 120, 9, task);
      space = growSpace({ space, moment, threshold: 0.9999999 }).space;
      expect(orthonormalityError(space)).toBeLessThan(1e-6);
      space = { ...space, data: space.data.map(Math.fround) };
    }
    expect(space?.columns).toBeGreaterThan(100);
  });

  it('holds the threshold with as few directions as possible, even for awkward moments', () => {
    fc.assert(
      fc.property(
        awkwardMatrix(13),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.nat(),
        (moment, threshold, k) => {
          // f64 cannot represent other energies.
          fc.pre(energy(moment) < Infinity && (energy(moment) > 1e-300 || moment.data.every((value) => value === 0)));
          const space = randomOrthonormal(moment.rows, k % moment.rows, k);
          const growth = growSpace({ space, moment, threshold });
          expect(orthonormalityError(growth.space)).toBeLessThan(1e-13);
          expect(growth.total).toBe(space.columns + growth.added);
          const all = energy(moment);
          const left = energy(projectOutLeft(moment, growth.space));
          expect(left).toBeLessThanOrEqual((1 - threshold + 1e-9) * all);
          if (growth.added > 0 && threshold < 0.999) {
            const fewer = columnSlice(growth.space, 0, growth.total - 1);
            expect(energy(projectOutLeft(moment, fewer))).toBeGreaterThan((1 - threshold - 1e-9) * all);
          }
        },
      ),
    );
  });

  it('refuses a moment of the wrong dimension and values that are not finite', () => {
    const options = { threshold: 0.9 };
    expect(() => growSpace({ space: matrix(5, 1), moment: matrix(4, 3), ...options })).toThrow('do not fit');
    expect(() => growSpace({ space: null, moment: matrix(1, 2, [1, NaN]), ...options })).toThrow(
      expect.objectContaining({ code: 'run/not-finite' }),
    );
  });
});

describe('growSpaceFromCovariance', () => {
  it.each([
    ['few tokens', 40, 7],
    ['many tokens', 40, 500],
    ['one token', 40, 1],
    ['a large layer', 150, 60],
  ])('grows like growSpace on the inputs themselves: %s', (_, dimension, tokens) => {
    let space: Matrix | null = null;
    for (let task = 0; task < 3; task++) {
      const spread = diagonalMatrix(Float64Array.from({ length: dimension }, (_, i) => 0.9 ** i));
      const inputs = multiply(spread, randomMatrix(dimension, tokens, task));
      const fromInputs = growSpace({ space, moment: inputs, threshold: 0.97 });
      const fromCovariance = growSpaceFromCovariance(space, multiplyTranspose(inputs, inputs), 0.97);
      expect(fromCovariance.added).toBe(fromInputs.added);
      expect(fromCovariance.heldBefore).toBeCloseTo(fromInputs.heldBefore, 12);
      fromInputs.spectrum.forEach((share, i) => {
        expect(fromCovariance.spectrum[i]).toBeCloseTo(share, 12);
      });
      expect(largestDifference(projector(fromCovariance.space), projector(fromInputs.space))).toBeLessThan(1e-9);
      expect(orthonormalityError(fromCovariance.space)).toBeLessThan(1e-13);
      space = fromCovariance.space;
    }
  });

  it.each([
    [200, 5, 0.98],
    [200, 100, 0.98],
    [200, 400, 0.9],
    [250, 125, 0.5],
  ])('handles %i dimensions that are mostly rounding noise: %i inputs, decay %f', (dimension, tokens, decay) => {
    const spread = diagonalMatrix(Float64Array.from({ length: dimension }, (_, i) => decay ** i));
    let space: Matrix | null = null;
    for (let task = 0; task < 2; task++) {
      const inputs = multiply(spread, randomMatrix(dimension, tokens, task));
      ({ space } = growSpaceFromCovariance(space, multiplyTranspose(inputs, inputs), 0.97));
      expect(orthonormalityError(space)).toBeLessThan(1e-13);
      expect(energy(projectOutLeft(inputs, space))).toBeLessThan(0.03 * energy(inputs));
    }
  });

  it('adds nothing for a covariance of zeros, and nothing to a full space', () => {
    expect(growSpaceFromCovariance(null, matrix(6, 6), 0.97)).toMatchObject({ added: 0, total: 0, heldBefore: 0 });
    const full = randomOrthonormal(6, 6, 1);
    const inputs = randomMatrix(6, 9, 2);
    expect(growSpaceFromCovariance(full, multiplyTranspose(inputs, inputs), 1)).toMatchObject({
      added: 0,
      total: 6,
      spectrum: [],
    });
  });
});
