import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { addInto } from '../../graph/ops/elementwise.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import { orthonormaliseRows } from '../../graph/ops/subspace.ts';
import { plainTensor, type StoredTensor, storeTensor } from '../../graph/tensor.ts';
import { recordLeadingVectors, sketchSize } from '../../linear-algebra/block-power.ts';
import { MAX_DIRECTIONS } from './directions.ts';
import { type Matrix, matrix, multiply, transpose, transposeMultiply } from '../../linear-algebra/matrix.ts';
import type { SpaceWorkbench } from './space-workbench.ts';
import { symmetricEigen } from '../../linear-algebra/symmetric-eigen.ts';

/** Passes of block power iteration for the energies outside a space. */
const PASSES = 3;
/** Energies below this share of the largest are noise in f32. */
const NOISE = 1e-6;

/** The main directions of a task's inputs, and the largest energies that they leave outside a space. */
export interface Leading {
  /** Orthonormal rows [k, n], largest energy first. */
  readonly rows: Matrix;
  /** xᵀ C x of each row. */
  readonly energies: readonly number[];
  /** The largest eigenvalues of √P C √P, descending. */
  readonly outside: readonly number[];
}

/** Finds the few leading directions of the covariance on a workbench, by block power iteration on the device. */
export class LeadingDirections {
  readonly #bench: SpaceWorkbench;
  readonly #hasSpace: boolean;
  /** Rows x, their images x C, and the Gram matrices Y C Yᵀ and Y C P C Yᵀ of rows outside the space. */
  readonly #rows: StoredTensor;
  readonly #images: StoredTensor;
  readonly #grams: readonly [within: StoredTensor, outside: StoredTensor];

  /** @param hasSpace whether P is not the identity. */
  constructor(device: Device, bench: SpaceWorkbench, hasSpace: boolean) {
    this.#bench = bench;
    this.#hasSpace = hasSpace;
    const size = sketchSize(MAX_DIRECTIONS, bench.n, bench.n);
    const store = (name: string, rows: number, columns: number): StoredTensor =>
      storeTensor(device, plainTensor(name, [rows, columns]), 'spaces');
    this.#rows = store('main directions', size, bench.n);
    this.#images = store('images of main directions', size, bench.n);
    this.#grams = [store('energies within', size, size), store('energies outside', size, size)];
  }

  /** Records the computation; clears what the last one found. */
  record(g: Graph): void {
    const { C, P } = this.#bench;
    recordLeadingVectors(g, { x: C, dy: C }, 'left', this.#rows);
    matmul(g, this.#rows, C, { layout: 'nn', into: this.#images });
    if (!this.#hasSpace) return;
    const [within, outside] = this.#grams;
    let rows = orthonormaliseRows(g, matmul(g, this.#images, P, { layout: 'nn' }));
    for (let pass = 1; pass < PASSES; pass++) {
      rows = orthonormaliseRows(g, matmul(g, matmul(g, rows, C, { layout: 'nn' }), P, { layout: 'nn' }));
    }
    const image = matmul(g, rows, C, { layout: 'nn' });
    addInto(g, matmul(g, image, rows, { layout: 'nt' }), within, 1, 0);
    addInto(g, matmul(g, matmul(g, image, P, { layout: 'nn' }), image, { layout: 'nt' }), outside, 1, 0);
  }

  /** Forgets the last input, so that the next one's result does not depend on it. */
  clear(): void {
    this.#bench.clear(this.#rows);
  }

  /** Waits for the device. */
  async read(): Promise<Leading> {
    const [size, n] = this.#rows.shape;
    const rows = matrix(size, n, await this.#bench.read(this.#rows));
    const images = await this.#bench.read(this.#images);
    const energies = Array.from({ length: size }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += rows.data[i * n + j] * images[i * n + j];
      return sum;
    });
    if (!this.#hasSpace) return { rows, energies, outside: energies.toSorted((a, b) => b - a) };
    const [within, outside] = this.#grams;
    const [G, H] = [await this.#bench.read(within), await this.#bench.read(outside)];
    return { rows, energies, outside: quotients(matrix(size, size, G), matrix(size, size, H)) };
  }

  /** Records how P maps the main directions, over their images. */
  readonly recordLeft = (g: Graph): void => {
    matmul(g, this.#rows, this.#bench.P, { layout: 'nn', into: this.#images });
  };

  /**
   * The share of each of the first main directions that lies in the space now, 1 − x P xᵀ; waits for the device.
   *
   * @param rows the main directions of this input.
   */
  async suppressed({ rows }: Leading, count: number): Promise<number[]> {
    if (count === 0) return [];
    await this.#bench.run('suppressed', this.recordLeft);
    const images = await this.#bench.read(this.#images);
    const n = rows.columns;
    return Array.from({ length: count }, (_, i) => {
      let [left, all] = [0, 0];
      for (let j = i * n; j < (i + 1) * n; j++) {
        left += rows.data[j] * images[j];
        all += rows.data[j] ** 2;
      }
      return all > 0 ? Math.min(1, Math.max(0, 1 - left / all)) : 0;
    });
  }

  destroy(): void {
    for (const { storage } of [this.#rows, this.#images, ...this.#grams]) storage.buffer.destroy();
  }
}

/** The eigenvalues μ of H y = μ G y, descending: of √P C √P in the subspace Y, where G = Y C Yᵀ and H = Y C P C Yᵀ. */
export function quotients(G: Matrix, H: Matrix): number[] {
  if (!G.data.every(Number.isFinite) || !H.data.every(Number.isFinite)) return [];
  const { values, vectors } = symmetricEigen(G);
  const rank = values.filter((value) => value > NOISE * values[0]).length;
  if (rank === 0) return [];
  // W = V D^(−1/2) makes G the identity.
  const W = matrix(G.rows, rank);
  for (let i = 0; i < G.rows; i++) {
    for (let j = 0; j < rank; j++) W.data[i * rank + j] = vectors.data[i * G.rows + j] / Math.sqrt(values[j]);
  }
  return Array.from(symmetricEigen(multiply(transposeMultiply(W, H), W), 0).values);
}

/** The fewest main directions that hold a share of the energy, as columns [n, k], at most {@link MAX_DIRECTIONS}. */
export function mainDirections({ rows, energies }: Leading, all: number, share: number): Matrix {
  const n = rows.columns;
  if (!(all > 0)) return matrix(n, 0);
  let held = 0;
  const reached = energies.findIndex((energy) => (held += energy) >= share * all);
  const count = Math.min(MAX_DIRECTIONS, rows.rows, reached < 0 ? rows.rows : reached + 1);
  return transpose(matrix(count, n, rows.data.subarray(0, count * n)));
}
