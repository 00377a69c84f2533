import type { Copy, Device } from '../../device/device.ts';
import { Arena } from '../../graph/arena.ts';
import { type Compiled, compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { plainTensor, type StoredTensor, storageOf, storeTensor, type Tensor } from '../../graph/tensor.ts';
import { SymmetricInverse } from '../../linear-algebra/symmetric-inverse.ts';

/** Places of the numbers that programs on a workbench measure. */
export const NUMBERS = {
  /** tr(P C) after the space grew, and tr P. */
  outside: 0,
  left: 1,
  /** How far P is from what it should be. */
  error: 2,
} as const;

/**
 * The memory on the device in which one space of inputs after another grows: copies of C and P, so that one program
 * serves all inputs of a width, and what inverting takes.
 */
export class SpaceWorkbench {
  readonly #device: Device;
  readonly #programs = new Map<string, Compiled>();
  readonly #arena: Arena;
  readonly n: number;
  /** C of the task, and P of the space. */
  readonly C: StoredTensor;
  readonly P: StoredTensor;
  readonly numbers: StoredTensor;
  readonly inverse: SymmetricInverse;

  constructor(device: Device, n: number) {
    this.#device = device;
    this.#arena = new Arena(device, 'growing spaces');
    this.n = n;
    this.C = this.square('covariance of the task');
    this.P = this.square('space that grows');
    this.numbers = storeTensor(device, plainTensor('measurements of a space', [Object.keys(NUMBERS).length]), 'spaces');
    this.inverse = new SymmetricInverse(device, n);
  }

  /** A matrix [n, n]. The caller destroys it. */
  square(name: string): StoredTensor {
    return storeTensor(this.#device, plainTensor(name, [this.n, this.n]), 'spaces');
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

  /** Copies matrices [n, n] between their places on the device. */
  async copy(...pairs: readonly (readonly [from: Tensor, to: Tensor])[]): Promise<void> {
    const copies = pairs.map(([from, to]): Copy => {
      const [source, target] = [storageOf(from), storageOf(to)];
      const places = { fromOffset: source.offset, toOffset: target.offset, bytes: this.n * this.n * 4 };
      return { from: source.buffer, to: target.buffer, ...places };
    });
    await this.#device.run([], copies);
  }

  write(to: StoredTensor, values: Float32Array<ArrayBuffer>): void {
    this.#device.write(to.storage.buffer, 0, values);
  }

  /** Values of a tensor; waits for the device. */
  async read({ storage, elements }: StoredTensor): Promise<Float32Array<ArrayBuffer>> {
    return new Float32Array(await this.#device.read(storage), 0, elements);
  }

  #drop(): void {
    for (const one of this.#programs.values()) one.destroy();
    this.#programs.clear();
  }

  destroy(): void {
    this.#drop();
    this.#arena.destroy();
    this.inverse.destroy();
    for (const { storage } of [this.C, this.P, this.numbers]) storage.buffer.destroy();
  }
}
