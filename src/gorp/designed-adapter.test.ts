import { expect, test } from 'vitest';
import { randomMatrix } from '../testing/matrices.ts';
import { relativeError } from '../testing/compare.ts';
import { designedA } from './designed-adapter.ts';
import { columnSlice, energy, type Matrix, multiply, multiplyTranspose, transpose } from './matrix.ts';
import { growSpaceFromCovariance, projectOutLeft } from './space.ts';
import { svd } from './svd.ts';

/** Covariance of few inputs, so that some directions have no energy. */
const covariance = (seed: number, inputs = 12, rank = 7): Matrix => {
  const X = randomMatrix(inputs, rank, seed);
  return multiplyTranspose(X, X);
};
/** AᵀA, which does not depend on signs. */
const gram = (A: Matrix): Matrix => multiply(transpose(A), A);

test('A is the main directions of the inputs outside the space, each of length 1/√3', () => {
  const space = growSpaceFromCovariance(null, covariance(1, 12, 3), 0.999).space;
  const C = covariance(2);
  const { u } = svd(projectOutLeft(C, space));
  const wanted = transpose(columnSlice(u, 0, 4));
  const A = designedA(C, space, 4);
  expect(
    relativeError(
      gram(A).data,
      gram(wanted).data.map((value) => value / 3),
    ),
  ).toBeLessThan(1e-9);
  expect(energy(multiply(A, space))).toBeLessThan(1e-20);
  expect(relativeError(multiplyTranspose(A, A).data, svdIdentity(4))).toBeLessThan(1e-9);
});

test('rows without a direction left are 0', () => {
  const C = covariance(3);
  const { space } = growSpaceFromCovariance(null, C, 1);
  // All of the task's inputs are in the space: singular vectors of zero must not be used.
  const A = designedA(C, space, 4);
  expect(energy(multiply(A, space))).toBeLessThan(1e-20);
});

const svdIdentity = (size: number): number[] =>
  Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 / 3 : 0));
