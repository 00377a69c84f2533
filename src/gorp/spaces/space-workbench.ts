import type { BufferRange } from '../../device/buffers.ts';
import type { Copy, Device, Program } from '../../device/device.ts';
import { Arena } from '../../graph/arena.ts';
import { type Compiled, compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { plainTensor, type StoredTensor, storeTensor } from '../../graph/tensor.ts';
import { SymmetricInverse } from '../../linear-algebra/packed-symmetric.ts';
import { Stack } from '../part/stack.ts';
import { notFinite } from './input-measurements.ts';

/** Places of the numbers that programs on a workbench measure of a space. */
export const NUMBERS = {
  /** tr(P C) after the space grew, and tr P. */
  outside: 0,
  left: 1,
  /** How far P is from what it should be. */
  error: 2,
} as const;

/** Floats of matrices that grow together, at most, where one matrix does not exceed them. */
const FLOATS_AT_ONCE = 2 ** 22;
const MATRICES_AT_ONCE = 16;

/**
 * Spaces that grow together: narrow ones in numbers that fill a graphics card, which one alone would leave idle; wide
 * ones one by one, since four matrices of each are on the device.
 *
 * @param n the width of their inputs.
 */
export const grownAtOnce = (n: number): number =>
  Math.min(MATRICES_AT_ONCE, Math.max(1, Math.floor(FLOATS_AT_ONCE / n ** 2)));

/**
 * The memory on the device in which some spaces of inputs of one width grow together, and then others: copies of their C
 * and P, so that one program serves all, and what inverting takes.
 */
export class SpaceWorkbench {
  readonly #device: Device;
  readonly #programs = new Map<string, Compiled>();
  readonly #arena: Arena;
  readonly n: number;
  /** The places of the spaces in the stacks. */
  readonly places: readonly string[];
  /** C of the task, and P of the space. */
  readonly C: Stack;
  readonly P: Stack;
  /** The matrices to invert, and where that takes turns: the stacks of {@link inverse}. */
  readonly first: Stack;
  readonly second: Stack;
  /** Of each space, {@link NUMBERS}. */
  readonly numbers: StoredTensor;
  readonly inverse: SymmetricInverse;

  constructor(device: Device, n: number, count: number) {
    this.#device = device;
    this.#arena = new Arena(device, 'growing spaces');
    this.n = n;
    this.places = Array.from({ length: count }, (_, i) => String(i));
    const squares = (name: string): Stack => new Stack(device, 'spaces', name, this.places, n, n);
    this.C = squares('covariances of the task');
    this.P = squares('spaces that grow');
    this.first = squares('matrices to invert');
    this.second = squares('half-inverted matrices');
    const shape = [count, Object.keys(NUMBERS).length];
    this.numbers = storeTensor(device, plainTensor('measurements of spaces', shape), 'spaces');
    this.inverse = new SymmetricInverse(device, this.first.tensor, this.second.tensor);
  }

  /** Runs a program, recorded when its name is first used. */
  async run(name: string, record: (g: Graph) => void): Promise<void> {
    await this.#device.run([(await this.prepare(name, record)).program]);
  }

  /** Compiles a program, if it has not been. */
  async prepare(name: string, record: (g: Graph) => void): Promise<Compiled> {
    let compiled = this.#programs.get(name);
    if (compiled === undefined) {
      const g = new Graph();
      record(g);
      const { version } = this.#arena;
      compiled = await compile(this.#device, name, g, [], this.#arena);
      // Earlier programs used memory that was replaced by larger: they are compiled again when needed.
      if (this.#arena.version !== version) this.#drop();
      this.#programs.set(name, compiled);
    }
    return compiled;
  }

  /** Compiles an inverse and programs that are recorded by name. @returns what they take, in their order. */
  async prepareAll(records: Readonly<Record<string, (g: Graph) => void>>): Promise<Program[]> {
    const programs = (await this.inverse.prepare()).map(({ program }) => program);
    for (const [name, record] of Object.entries(records)) programs.push((await this.prepare(name, record)).program);
    return programs;
  }

  /** Copies matrices [n, n] between their places on the device. */
  async copy(pairs: readonly (readonly [from: BufferRange, to: BufferRange])[]): Promise<void> {
    const copies = pairs.map(([from, to]): Copy => {
      const places = { fromOffset: from.offset, toOffset: to.offset, bytes: this.n * this.n * 4 };
      return { from: from.buffer, to: to.buffer, ...places };
    });
    await this.#device.run([], copies);
  }

  /** Where in {@link numbers} those of a space begin. */
  numberOf(place: number): number {
    return place * this.numbers.shape[1];
  }

  /**
   * Leaves −A⁻¹ of the matrices in {@link first} in the result of {@link inverse}.
   *
   * @param names of the inputs' layers.
   * @throws GorpError `run/not-finite`, with the layer's name.
   */
  async invert(names: readonly string[], between: () => Promise<void>): Promise<void> {
    const arePositive = await this.inverse.run(between);
    const failed = arePositive.indexOf(false);
    if (failed >= 0) throw notFinite(names[failed]);
  }

  /** Returns the measurements of each space, by {@link NUMBERS}; waits for the device. */
  async measured(): Promise<Float32Array[]> {
    const all = new Float32Array(await this.#device.read(this.numbers.storage));
    return this.places.map((_, i) => all.subarray(this.numberOf(i), this.numberOf(i + 1)));
  }

  #drop(): void {
    for (const one of this.#programs.values()) one.destroy();
    this.#programs.clear();
  }

  destroy(): void {
    this.#drop();
    this.#arena.destroy();
    this.inverse.destroy();
    this.numbers.storage.buffer.destroy();
    for (const stack of [this.C, this.P, this.first, this.second]) stack.destroy();
  }
}
