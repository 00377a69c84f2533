import type { Device } from '../device/device.ts';
import { Arena } from '../graph/arena.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { SWEEP_BLOCK, sweepBlock } from '../graph/ops/sweep.ts';
import { plainTensor, type StoredTensor, storeTensor } from '../graph/tensor.ts';

/** Block steps between two places where the work can be stopped. */
const STEPS_AT_ONCE = 8;

/**
 * Inverts symmetric positive definite matrices of one size on the device, by products: docs/method.md, eq. (18). It
 * takes 2 n³ operations and twice the memory of the matrix.
 */
export class SymmetricInverse {
  readonly #device: Device;
  readonly #n: number;
  readonly #failures: StoredTensor;
  readonly #arena: Arena;
  #steps: Compiled[] = [];
  /** The matrix, and where its block steps take turns. */
  readonly first: StoredTensor;
  readonly second: StoredTensor;

  constructor(device: Device, n: number) {
    const square = (name: string): StoredTensor => storeTensor(device, plainTensor(name, [n, n]), 'spaces');
    this.#device = device;
    this.#n = n;
    this.first = square('matrix to invert');
    this.second = square('half-inverted matrix');
    this.#failures = storeTensor(device, plainTensor('failed pivots', [1]), 'spaces');
    this.#arena = new Arena(device, 'inverse');
  }

  /** Number of block steps of an inverse. */
  get steps(): number {
    return Math.ceil(this.#n / SWEEP_BLOCK);
  }

  /** Where {@link run} leaves its result. */
  get result(): StoredTensor {
    return this.steps % 2 === 0 ? this.first : this.second;
  }

  /**
   * Leaves −A⁻¹ of the matrix in {@link first} in {@link result}; the other is overwritten.
   *
   * @param between is awaited between parts of the work; what it throws ends it.
   * @returns whether the matrix is positive definite in f32; otherwise the result means nothing.
   */
  async run(between: () => Promise<void>): Promise<boolean> {
    const steps = await this.prepare();
    this.#device.clear(this.#failures.storage.buffer);
    for (let at = 0; at < steps.length; at += STEPS_AT_ONCE) {
      await this.#device.run(steps.slice(at, at + STEPS_AT_ONCE).map(({ program }) => program));
      await between();
    }
    return new Float32Array(await this.#device.read(this.#failures.storage), 0, 1)[0] === 0;
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
    for (const { storage } of [this.first, this.second, this.#failures]) storage.buffer.destroy();
  }
}
