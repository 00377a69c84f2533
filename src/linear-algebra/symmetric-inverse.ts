import type { Device } from '../device/device.ts';
import { Arena } from '../graph/arena.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { SWEEP_BLOCK, sweepBlock } from '../graph/ops/sweep.ts';
import { plainTensor, type StoredTensor, storeTensor, type Tensor } from '../graph/tensor.ts';

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
