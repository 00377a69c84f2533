import type { Device } from '../device/device.ts';
import { Arena } from '../graph/arena.ts';
import { compile, type Compiled } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { SWEEP_BLOCK, sweepBlock } from '../graph/ops/sweep.ts';
import { plainTensor, type StoredTensor, storeTensor, type Tensor } from '../graph/tensor.ts';

/** The upper triangle of a symmetric matrix in f32, row by row: n (n + 1) / 2 values. */
export type PackedSymmetric = Float32Array<ArrayBuffer>;

/** Number of values of the upper triangle. */
export const packedLength = (n: number): number => (n * (n + 1)) / 2;

/** The upper triangle of a row-major matrix. */
export function packedOf(square: Float32Array, n: number): PackedSymmetric {
  const packed = new Float32Array(packedLength(n));
  for (let i = 0, at = 0; i < n; at += n - i++) packed.set(square.subarray(i * n + i, (i + 1) * n), at);
  return packed;
}

/** Rows and columns of a tile: it and its mirror image fit into a core's first cache. */
const TILE = 32;

/** The whole matrix divided by a number, row-major. */
export function squareOf(packed: PackedSymmetric, n: number, divisor = 1): Float32Array<ArrayBuffer> {
  const square = new Float32Array(n * n);
  for (let top = 0; top < n; top += TILE) {
    for (let left = top; left < n; left += TILE) {
      for (let i = top; i < Math.min(top + TILE, n); i++) {
        const row = i * n - (i * (i + 1)) / 2; // less than that of the first value by i
        for (let j = Math.max(i, left); j < Math.min(left + TILE, n); j++) {
          const value = packed[row + j] / divisor;
          square[i * n + j] = value;
          square[j * n + i] = value;
        }
      }
    }
  }
  return square;
}

/** Block steps of matrices between two places where the work can be stopped. */
const STEPS_AT_ONCE = 8;

/**
 * Inverts symmetric positive definite matrices of one size on the device, by products: docs/method.md, eq. (18). It
 * takes 2 n³ operations for each and twice their memory.
 */
export class SymmetricInverse {
  readonly #device: Device;
  readonly #n: number;
  readonly #count: number;
  readonly #failures: StoredTensor;
  readonly #arena: Arena;
  #steps: Compiled[] = [];

  /**
   * Block steps take turns between two stacks.
   *
   * @param first the matrices [count, n, n]. @param second of the same layout.
   */
  constructor(
    device: Device,
    readonly first: Tensor,
    readonly second: Tensor,
  ) {
    this.#device = device;
    [this.#count, this.#n] = first.shape;
    this.#failures = storeTensor(device, plainTensor('failed pivots', [this.#count]), 'spaces');
    this.#arena = new Arena(device, 'inverse');
  }

  /** Number of block steps of an inverse. */
  get steps(): number {
    return Math.ceil(this.#n / SWEEP_BLOCK);
  }

  /** Where {@link run} leaves its result. */
  get result(): Tensor {
    return this.steps % 2 === 0 ? this.first : this.second;
  }

  /**
   * Leaves −A⁻¹ of every matrix in {@link first} in {@link result}; the other is overwritten.
   *
   * @param between is awaited between parts of the work; what it throws ends it.
   * @returns whether each matrix is positive definite in f32; otherwise its result means nothing.
   */
  async run(between: () => Promise<void>): Promise<boolean[]> {
    const steps = await this.prepare();
    const atOnce = Math.max(1, Math.floor(STEPS_AT_ONCE / this.#count));
    this.#device.clear(this.#failures.storage.buffer);
    for (let at = 0; at < steps.length; at += atOnce) {
      await this.#device.run(steps.slice(at, at + atOnce).map(({ program }) => program));
      await between();
    }
    const failures = new Float32Array(await this.#device.read(this.#failures.storage), 0, this.#count);
    return Array.from(failures, (count) => count === 0);
  }

  /** Compiles the block steps, if they have not been. */
  async prepare(): Promise<readonly Compiled[]> {
    if (this.#steps.length > 0) return this.#steps;
    const graphs = Array.from({ length: this.steps }, (_, step) => {
      const g = new Graph();
      const [from, to] = step % 2 === 0 ? [this.first, this.second] : [this.second, this.first];
      sweepBlock(g, from, to, step * SWEEP_BLOCK, this.#failures);
      return g;
    });
    // All blocks are of one size, but for a smaller last one: the first program takes the memory of all.
    for (const [i, g] of graphs.entries()) {
      this.#steps.push(await compile(this.#device, `sweep ${i}`, g, [], this.#arena));
    }
    return this.#steps;
  }

  destroy(): void {
    for (const one of this.#steps) one.destroy();
    this.#steps = [];
    this.#arena.destroy();
    this.#failures.storage.buffer.destroy();
  }
}
