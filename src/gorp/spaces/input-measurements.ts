import { GorpError } from '../../base/errors.ts';
import type { Device, Program } from '../../device/device.ts';
import { Arena } from '../../graph/arena.ts';
import { compileAll, type Compiled } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { addInto } from '../../graph/ops/elementwise.ts';
import { batchedMatmul, matmulEach } from '../../graph/ops/matmul.ts';
import { innerProduct, trace } from '../../graph/ops/square-measures.ts';
import { fixSigns, orthonormaliseRows, rightSingularRows } from '../../graph/ops/subspace.ts';
import { plainTensor, type StoredTensor, storeTensor, type Tensor } from '../../graph/tensor.ts';
import { sketchSize } from '../../linear-algebra/block-power.ts';
import { type Matrix, matrix } from '../../linear-algebra/matrix.ts';
import { type Leading, MAX_DIRECTIONS, quotients } from './directions.ts';

/** Passes of block power iteration for the main directions, and for the energies outside a space. */
const PASSES = { within: 2, outside: 3 };

/** Places of the numbers that are measured of an input. */
const NUMBERS = { energy: 0, squares: 1, outside: 2, left: 3 };
const COUNT = Object.keys(NUMBERS).length;

/** The names of the programs, in their order. */
const PROGRAMS = ['before growth', 'after growth'] as const;

/** An input whose space grows. */
export interface MeasuredInput {
  /** The first layer that reads it. */
  readonly name: string;
  /** C and P on the device, [n, n]. */
  readonly sum: Tensor;
  readonly P: Tensor;
}

/** The measurements of an input before its space grows. */
export interface InputBefore {
  readonly leading: Leading;
  /** tr C and ‖C‖². */
  readonly energy: number;
  readonly squares: number;
  /** Share of the energy that the space holds, and tr P. */
  readonly heldBefore: number;
  readonly leftBefore: number;
}

/**
 * Measures several inputs of one width before and after their spaces grow, each in one program: a kernel of small
 * matrices has a workgroup for each input, where one input alone would leave a graphics card idle.
 */
export class InputMeasurements {
  readonly #device: Device;
  readonly #inputs: readonly MeasuredInput[];
  readonly #n: number;
  readonly #hasSpaces: boolean;
  readonly #arena: Arena;
  #programs: Compiled[] = [];
  /** Rows x of all inputs, and their images x C; after growing x P. */
  readonly #rows: StoredTensor;
  readonly #images: StoredTensor;
  /** The Gram matrices Y C Yᵀ and Y C P C Yᵀ of rows Y outside the space. */
  readonly #grams: readonly [within: StoredTensor, outside: StoredTensor];
  readonly #numbers: StoredTensor;

  /** @param hasSpaces whether P is not the identity. */
  constructor(device: Device, inputs: readonly MeasuredInput[], n: number, hasSpaces: boolean) {
    this.#device = device;
    this.#inputs = inputs;
    this.#n = n;
    this.#hasSpaces = hasSpaces;
    this.#arena = new Arena(device, 'measuring inputs');
    const size = sketchSize(MAX_DIRECTIONS, n, n);
    const store = (name: string, ...shape: number[]): StoredTensor =>
      storeTensor(device, plainTensor(name, [inputs.length, ...shape]), 'spaces');
    this.#rows = store('main directions', size, n);
    this.#images = store('images of main directions', size, n);
    this.#grams = [store('energies within', size, size), store('energies outside', size, size)];
    this.#numbers = store('measurements of inputs', COUNT);
  }

  /** Compiles both programs, if they have not been. */
  async prepare(): Promise<Program[]> {
    if (this.#programs.length === 0) {
      const recordings = [this.#recordBefore, this.#recordAfter].map((record, i) => {
        const graph = new Graph();
        record(graph);
        return { name: PROGRAMS[i], graph };
      });
      this.#programs.push(...(await compileAll(this.#device, recordings, this.#arena)));
    }
    return this.#programs.map(({ program }) => program);
  }

  readonly #recordBefore = (g: Graph): void => {
    const [C, P] = [this.#inputs.map(({ sum }) => sum), this.#inputs.map((input) => input.P)];
    for (const [i, sum] of C.entries()) {
      const at = i * COUNT;
      trace(g, sum, this.#numbers, at + NUMBERS.energy);
      innerProduct(g, sum, sum, this.#numbers, at + NUMBERS.squares);
      if (!this.#hasSpaces) continue;
      innerProduct(g, P[i], sum, this.#numbers, at + NUMBERS.outside);
      trace(g, P[i], this.#numbers, at + NUMBERS.left);
    }
    this.#recordMain(g, C);
    if (this.#hasSpaces) this.#recordOutside(g, C, P);
  };

  /** The leading eigenvectors of every C, by block power iteration with C² and a rotation at its end. */
  #recordMain(g: Graph, C: readonly Tensor[]): void {
    const twice = (rows: Tensor): Tensor => matmulEach(g, matmulEach(g, rows, C), C);
    let basis = orthonormaliseRows(g, this.#rows);
    let image = basis;
    for (let pass = 0; pass < PASSES.within; pass++) {
      image = twice(orthonormaliseRows(g, twice(basis)));
      basis = orthonormaliseRows(g, image);
    }
    const lower = batchedMatmul(g, image, basis, { layout: 'nt' }); // [inputs, k, k]
    fixSigns(g, batchedMatmul(g, rightSingularRows(g, lower), basis, { layout: 'nn' }), this.#rows);
    addInto(g, matmulEach(g, this.#rows, C), this.#images, 1, 0);
  }

  /** Rows Y that span the leading directions of P C, and both Gram matrices. */
  #recordOutside(g: Graph, C: readonly Tensor[], P: readonly Tensor[]): void {
    const [within, outside] = this.#grams;
    let rows = orthonormaliseRows(g, matmulEach(g, this.#images, P));
    for (let pass = 1; pass < PASSES.outside; pass++) {
      rows = orthonormaliseRows(g, matmulEach(g, matmulEach(g, rows, C), P));
    }
    const image = matmulEach(g, rows, C);
    batchedMatmul(g, image, rows, { layout: 'nt', into: within });
    batchedMatmul(g, matmulEach(g, image, P), image, { layout: 'nt', into: outside });
  }

  readonly #recordAfter = (g: Graph): void => {
    const P = this.#inputs.map((input) => input.P);
    addInto(g, matmulEach(g, this.#rows, P), this.#images, 1, 0);
  };

  /**
   * Measures each input before its space grows, in their order.
   *
   * @throws GorpError `run/not-finite`, with the layer's name.
   */
  async before(): Promise<InputBefore[]> {
    this.#device.clear(this.#rows.storage.buffer); // the result must not depend on what was measured before
    const [before] = await this.prepare();
    await this.#device.run([before]);
    const [numbers, rows, images] = [
      await this.#read(this.#numbers),
      await this.#read(this.#rows),
      await this.#read(this.#images),
    ];
    const [G, H] = this.#hasSpaces ? [await this.#read(this.#grams[0]), await this.#read(this.#grams[1])] : [];
    return this.#inputs.map(({ name }, i) => {
      const at = (place: number): number => numbers[i * COUNT + place];
      const [energy, squares] = [at(NUMBERS.energy), at(NUMBERS.squares)];
      // The sum of squares overflows or is NaN if any entry does or is.
      if (!Number.isFinite(energy) || !Number.isFinite(squares)) throw notFinite(name);
      const own = this.#ownRows(rows, i);
      const energies = rowProducts(own, this.#ownRows(images, i));
      const outside = G && H ? quotients(this.#ownGram(G, i), this.#ownGram(H, i)) : energies.toSorted((a, b) => b - a);
      return {
        leading: { rows: own, energies, outside },
        energy,
        squares,
        heldBefore: this.#hasSpaces ? shareInside(at(NUMBERS.outside), energy) : 0,
        leftBefore: this.#hasSpaces ? at(NUMBERS.left) : this.#n,
      };
    });
  }

  /**
   * The share of the first main directions of each input that lies in its space now, 1 − x P xᵀ.
   *
   * @param inputsBefore of {@link before}. @param counts of directions, for each input.
   */
  async after(inputsBefore: readonly InputBefore[], counts: readonly number[]): Promise<number[][]> {
    const [, after] = await this.prepare();
    await this.#device.run([after]);
    const images = await this.#read(this.#images);
    return inputsBefore.map(({ leading: { rows } }, i) => {
      const [left, all] = [rowProducts(rows, this.#ownRows(images, i)), rowProducts(rows, rows)];
      return Array.from({ length: counts[i] }, (_, j) => shareInside(left[j], all[j]));
    });
  }

  async #read({ storage, elements }: StoredTensor): Promise<Float32Array<ArrayBuffer>> {
    return new Float32Array(await this.#device.read(storage), 0, elements);
  }

  #ownRows(all: Float32Array<ArrayBuffer>, input: number): Matrix {
    const [, size, n] = this.#rows.shape;
    return matrix(size, n, all.slice(input * size * n, (input + 1) * size * n));
  }

  #ownGram(all: Float32Array<ArrayBuffer>, input: number): Matrix {
    const [, size] = this.#rows.shape;
    return matrix(size, size, all.slice(input * size * size, (input + 1) * size * size));
  }

  destroy(): void {
    for (const one of this.#programs) one.destroy();
    this.#arena.destroy();
    for (const { storage } of [this.#rows, this.#images, ...this.#grams, this.#numbers]) storage.buffer.destroy();
  }
}

/** The inner product of each row of one matrix with that of another. */
function rowProducts(a: Matrix, b: Matrix): number[] {
  return Array.from({ length: a.rows }, (_, i) => {
    let sum = 0;
    for (let j = i * a.columns; j < (i + 1) * a.columns; j++) sum += a.data[j] * b.data[j];
    return sum;
  });
}

/** The share of an energy that a space holds, from the energy outside. */
export const shareInside = (outside: number, all: number): number =>
  all > 0 ? Math.min(1, Math.max(0, 1 - outside / all)) : 0;

/** The inputs of a layer, or what is computed from them, are not numbers. */
export const notFinite = (name: string): GorpError =>
  new GorpError(
    'run/not-finite',
    `Training has diverged: the inputs of ${name} are too large or not finite, so that their space cannot be computed.`,
    'Go back to the model before this task, and teach it with a smaller learning rate.',
  );
