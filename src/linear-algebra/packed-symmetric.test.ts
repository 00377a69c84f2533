import { expect, test } from 'vitest';
import { packedLength, packedOf, squareOf } from './packed-symmetric.ts';

test.each([1, 2, 31, 32, 33, 67])('a symmetric matrix of %i rows is packed and unpacked, and divided', (n) => {
  const square = Float32Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return Math.sin(Math.min(i, j) * n + Math.max(i, j));
  });
  const packed = packedOf(square, n);
  expect(packed).toHaveLength(packedLength(n));
  expect(squareOf(packed, n)).toEqual(square);
  expect(squareOf(packed, n, 3)).toEqual(square.map((value) => value / 3));
});
