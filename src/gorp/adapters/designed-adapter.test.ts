import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { plainTensor, type StoredTensor, storeTensor } from '../../graph/tensor.ts';
import { relativeError } from '../../testing/compare.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { growSpaceFromCovariance } from '../../testing/input-space.ts';
import { diagonalMatrix, randomMatrix } from '../../testing/matrices.ts';
import { writeDesignedA } from './adapters-part.ts';
import {
  columnSlice,
  energy,
  type Matrix,
  matrix,
  multiply,
  multiplyTranspose,
  transpose,
} from '../../linear-algebra/matrix.ts';
import { projectOutLeft } from '../spaces/space.ts';
import { svd } from '../../linear-algebra/svd.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

const N = 12;
/** Covariance of few inputs, so that some directions have no energy. */
const covariance = (seed: number, rank = 7): Matrix => {
  const X = randomMatrix(N, rank, seed);
  return multiplyTranspose(X, X);
};
/** AᵀA, which does not depend on signs. */
const gram = (A: Matrix): Matrix => multiply(transpose(A), A);

async function designed(C: Matrix, S: Matrix | null): Promise<Matrix> {
  const upload = (name: string, values: Matrix): StoredTensor => {
    const tensor = storeTensor(device, plainTensor(name, [values.rows, values.columns]), 'inputs');
    device.write(tensor.storage.buffer, 0, Float32Array.from(values.data));
    return tensor;
  };
  const P = S && upload('P', projectOutLeft(diagonalMatrix(new Array<number>(N).fill(1)), S));
  const [inputs, A] = [upload('C', C), upload('A', matrix(4, N))];
  await writeDesignedA(device, inputs, P ?? undefined, [A]);
  const found = matrix(4, N, new Float32Array(await device.read(A.storage), 0, 4 * N));
  device.buffers.destroyAll();
  return found;
}

test('A is the main directions of the inputs outside the space, each of length 1/√3', async () => {
  const space = growSpaceFromCovariance(null, covariance(1, 3), 0.999).space;
  for (const S of [null, space]) {
    const C = covariance(2);
    const { u } = svd(S ? projectOutLeft(C, S) : C);
    const wanted = gram(transpose(columnSlice(u, 0, 4))).data.map((value) => value / 3);
    const A = await designed(C, S);
    expect(relativeError(gram(A).data, wanted)).toBeLessThan(1e-3);
    if (S) expect(energy(multiply(A, S))).toBeLessThan(1e-10);
    const thirds = Array.from({ length: 16 }, (_, at) => (at % 5 === 0 ? 1 / 3 : 0));
    expect(relativeError(multiplyTranspose(A, A).data, thirds)).toBeLessThan(1e-4);
  }
});

test('rows without a direction left lie outside the space', async () => {
  const C = covariance(3);
  const { space } = growSpaceFromCovariance(null, C, 1);
  // All of the task's inputs are in the space: singular vectors of zero must not be used.
  expect(energy(multiply(await designed(C, space), space))).toBeLessThan(1e-10);
});
