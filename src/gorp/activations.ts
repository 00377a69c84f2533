import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { Arena } from '../graph/arena.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { scaleRows } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { plainTensor, type StoredTensor, storeTensor, type Tensor } from '../graph/tensor.ts';
import type { BatchSizes, Network, SizedBatch, TrainingBatch } from '../models/network.ts';
import { sizesKey } from './gradient-programs.ts';
import { type Matrix, matrix } from './matrix.ts';
import { trainedLayers, type TrainedParts } from './trained-layers.ts';

/** A sum XᵀX on the GPU, f32 [in, in], and the layers whose input is X. */
interface CovarianceSum {
  readonly tensor: StoredTensor;
  readonly names: string[];
}

/**
 * C = XᵀX of the inputs of every trained layer over the tokens of a sample, without padding: the source of an
 * activation space (docs/method.md, eq. (16)). Layers that read the same tensor (q and v) share one matrix.
 */
export class InputCovariances {
  readonly #device: Device;
  readonly #network: Network;
  readonly #parts: TrainedParts;
  readonly #sums = new Map<string, CovarianceSum>();
  readonly #batches = new Map<string, TrainingBatch>();
  readonly #programs = new Map<string, Compiled>();
  readonly #owned: OwnedBuffer[] = [];
  readonly #arena: Arena;

  constructor(device: Device, network: Network, parts: TrainedParts) {
    this.#device = device;
    this.#network = network;
    this.#parts = parts;
    this.#arena = new Arena(device, 'inputs');
  }

  /** Compiles the programs of all batch shapes to come, in shared memory. */
  async prepare(shapes: readonly BatchSizes[]): Promise<void> {
    const distinct = new Map(shapes.map((sizes) => [sizesKey(sizes), sizes]));
    for (let version: number | undefined; version !== this.#arena.version;) {
      // A later shape may have reallocated the memory of earlier ones; in the second pass all fit.
      ({ version } = this.#arena);
      this.#destroyPrograms();
      for (const [key, sizes] of distinct) this.#programs.set(key, await this.#compile(key, sizes));
    }
  }

  async #compile(key: string, sizes: BatchSizes): Promise<Compiled> {
    const batch = this.#batches.get(key) ?? this.#network.batch(sizes, this.#owned);
    this.#batches.set(key, batch);
    const g = new Graph();
    const captured = new Map<string, Tensor>();
    batch.loss(g, trainedLayers(this.#parts, { captured }));
    this.#record(g, captured, batch);
    return compile(this.#device, `inputs ${key}`, g, [], this.#arena);
  }

  /** Adds XᵀX of each distinct input to its sum. */
  #record(g: Graph, captured: ReadonlyMap<string, Tensor>, batch: TrainingBatch): void {
    const firstReader = new Map<Tensor, string>();
    for (const [name, x] of captured) {
      const reader = firstReader.get(x);
      const sum = this.#sums.get(reader ?? name);
      if (reader !== undefined) {
        if (sum && !sum.names.includes(name)) sum.names.push(name);
        continue;
      }
      firstReader.set(x, name);
      const into = sum?.tensor ?? this.#newSum(name, x.shape.at(-1) ?? 1);
      const rows = scaleRows(g, x, batch.rowMask(name));
      matmul(g, rows, rows, { layout: 'tn', into, accumulate: true });
    }
  }

  #newSum(name: string, size: number): Tensor {
    const tensor = storeTensor(this.#device, plainTensor(`covariance of ${name}`, [size, size]), 'spaces');
    this.#owned.push(tensor.storage.buffer);
    this.#sums.set(name, { tensor, names: [name] });
    return tensor;
  }

  /** Bytes of the largest sum; sums are read back one by one. */
  get largestBytes(): number {
    return Math.max(0, ...[...this.#sums.values()].map(({ tensor }) => tensor.elements * 4));
  }

  /** Adds a batch of a prepared shape. */
  async add({ sizes, rows }: SizedBatch): Promise<void> {
    const key = sizesKey(sizes);
    const program = this.#programs.get(key);
    if (program === undefined) throw new Error(`no program for ${key}`);
    this.#batches.get(key)?.write(rows);
    await this.#device.run([program.program]);
  }

  /** The sums of all batches, by layer; waits for the GPU. */
  async read(): Promise<Map<string, Matrix>> {
    const result = new Map<string, Matrix>();
    for (const { tensor, names } of this.#sums.values()) {
      const [size] = tensor.shape;
      const bytes = await this.#device.read(tensor.storage);
      const covariance = matrix(size, size, new Float32Array(bytes, 0, size * size));
      for (const name of names) result.set(name, covariance);
    }
    return result;
  }

  #destroyPrograms(): void {
    for (const program of this.#programs.values()) program.destroy();
    this.#programs.clear();
  }

  destroy(): void {
    this.#destroyPrograms();
    this.#arena.destroy();
    for (const buffer of this.#owned) buffer.destroy();
  }
}
