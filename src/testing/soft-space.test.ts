import { describe, expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { relativeError } from './compare.ts';
import { type Matrix, matrix, multiply, subtract, transpose } from '../linear-algebra/matrix.ts';
import { growSoftSpace } from './soft-space.ts';
import { projectOutLeft } from '../gorp/spaces/space.ts';
import { trace } from './matrices.ts';

const SOFTNESS = 0.1;
const SUM = { softness: SOFTNESS, energies: 'sum' } as const;

/** Covariance of inputs with `rank` directions, and noise. */
function covarianceOf(n: number, rank: number, seed: number, noise = 0.05): Matrix {
  const random = seededRandom(seed);
  const uniform = (rows: number, columns: number, scale: number): Matrix =>
    matrix(
      rows,
      columns,
      Float64Array.from({ length: rows * columns }, () => scale * (2 * random.next() - 1)),
    );
  const main = multiply(uniform(n, rank, 1), uniform(rank, 40, 1));
  const X = subtract(main, uniform(n, 40, noise));
  return multiply(X, transpose(X));
}

/** (E/α + I)⁻¹ x by solving, with E = Σ C / tr C or its mean: the expected (I − S Sᵀ) x. */
function left(covariances: readonly Matrix[], x: Float64Array, energies: 'sum' | 'mean'): Float64Array {
  const n = x.length;
  const alpha = SOFTNESS / n;
  const rows = Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n + 1 }, (_, j) => {
      if (j === n) return x[i];
      const sum = covariances.reduce((total, C) => total + C.data[i * n + j] / trace(C), 0);
      const energy = energies === 'sum' ? sum : sum / covariances.length;
      return energy / alpha + (i === j ? 1 : 0);
    }),
  );
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      if (k === i) continue;
      const factor = rows[k][i] / rows[i][i];
      for (let j = i; j <= n; j++) rows[k][j] -= factor * rows[i][j];
    }
  }
  return Float64Array.from(rows, (row, i) => row[n] / row[i]);
}

describe('growSoftSpace', () => {
  test.each([
    [1, 'sum'],
    [5, 'sum'],
    [24, 'sum'],
    [1, 'mean'],
    [5, 'mean'],
    [24, 'mean'],
  ] as const)('removes what (E/α + I)⁻¹ removes, over several tasks, in %i dimensions, by their %s', (n, energies) => {
    const covariances = [1, 2, 3].map((seed) => covarianceOf(n, Math.ceil(n / 4), seed));
    const x = Float64Array.from({ length: n }, (_, i) => Math.sin(3 * i + 1));
    let space: Matrix | null = null;
    let total = 0;
    covariances.forEach((C, task) => {
      const growth = growSoftSpace(space, C, { softness: SOFTNESS, energies }, task + 1);
      const found = projectOutLeft(matrix(n, 1, x), growth.space);
      const wanted = left(covariances.slice(0, task + 1), x, energies);
      expect(relativeError(found.data, wanted)).toBeLessThan(1e-6);
      expect(growth.added).toBe(Math.max(0, growth.total - total));
      if (energies === 'sum') {
        expect(growth.total).toBeGreaterThanOrEqual(total);
        expect(growth.threshold).toBeGreaterThan(growth.heldBefore);
      }
      expect(growth.spectrum.reduce((sum, share) => sum + share, growth.heldBefore)).toBeCloseTo(1, 4);
      ({ space, total } = growth);
    });
  });

  test('is the same whatever the scale of the inputs', () => {
    const C = covarianceOf(9, 3, 7);
    const larger = matrix(
      9,
      9,
      C.data.map((value) => 1e6 * value),
    );
    const [a, b] = [C, larger].map((each) => growSoftSpace(null, each, SUM, 1).space);
    expect(relativeError(multiply(a, transpose(a)).data, multiply(b, transpose(b)).data)).toBeLessThan(1e-9);
  });

  test('a task without energy changes nothing', () => {
    const first = growSoftSpace(null, covarianceOf(8, 2, 1), SUM, 1);
    const again = growSoftSpace(first.space, matrix(8, 8), SUM, 2);
    expect(again).toMatchObject({ added: 0, total: first.total, heldBefore: 0 });
    const [a, b] = [first.space, again.space].map((S) => multiply(S, transpose(S)).data);
    expect(relativeError(b, a)).toBeLessThan(1e-9);
    expect(growSoftSpace(null, matrix(4, 4), SUM, 1)).toMatchObject({ added: 0, total: 0 });
  });

  test('resumes from a space saved in f32, however small the softness', () => {
    const plan = { softness: 1e-9, energies: 'sum' } as const;
    const { space } = growSoftSpace(null, covarianceOf(6, 2, 3, 1), plan, 1);
    const saved = matrix(6, space.columns, Float32Array.from(space.data));
    const again = growSoftSpace(saved, covarianceOf(6, 2, 4, 1), plan, 2);
    expect(again.space.data.every(Number.isFinite)).toBe(true);
    expect(again).toMatchObject({ total: 6, added: 0 });
  });

  test('refuses inputs that are not finite', () => {
    expect(() => growSoftSpace(null, matrix(3, 3, new Float64Array(9).fill(NaN)), SUM, 1)).toThrow();
  });
});
