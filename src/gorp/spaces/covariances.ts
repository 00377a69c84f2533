import { groupedBy } from '../../base/statistics.ts';
import type { Batch, BatchSizes } from '../../base/batch.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device, Program } from '../../device/device.ts';
import { Arena } from '../../graph/arena.ts';
import { compileAll, type Compiled } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { scaleRows } from '../../graph/ops/elementwise.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import { plainTensor, storeTensor, type Tensor } from '../../graph/tensor.ts';
import type { Network, TrainingBatch } from '../../models/network.ts';
import { sizesKey, trainedLayers } from '../part/gradient-programs.ts';
import type { CovarianceSum, DistinctInput, TrainedModel } from '../part/part.ts';

/** The inputs of all trained layers, in the order of the model. Layers that read the same tensor share one. */
export function distinctInputs(network: Network, parts: TrainedModel): DistinctInput[] {
  const owned: OwnedBuffer[] = [];
  const captured = new Map<string, Tensor>();
  const sizes = network.sizes([{ source: [0], label: [0] }]);
  network.batch(sizes, owned).loss(new Graph(), trainedLayers(parts, { captured }));
  for (const buffer of owned) buffer.destroy();
  return Array.from(
    groupedBy(captured, ([, x]) => x),
    ([x, of]) => ({ name: of[0][0], names: of.map(([name]) => name), width: x.shape.at(-1) ?? 1 }),
  );
}

/**
 * C = XᵀX of the inputs of every trained layer over the tokens of all examples of a sample: the source of an
 * activation space (docs/method.md, eq. (16)). Layers that read the same tensor (q and v) share one matrix.
 */
export class InputCovariances {
  readonly #device: Device;
  readonly #network: Network;
  readonly #parts: TrainedModel;
  readonly #sums = new Map<string, CovarianceSum>();
  readonly #batches = new Map<string, TrainingBatch>();
  readonly #programs = new Map<string, Compiled>();
  readonly #owned: OwnedBuffer[] = [];
  readonly #arena: Arena;

  constructor(device: Device, network: Network, parts: TrainedModel) {
    this.#device = device;
    this.#network = network;
    this.#parts = parts;
    this.#arena = new Arena(device, 'inputs');
  }

  /** Compiles the programs of all sizes of batches to come, in shared memory. */
  async prepare(all: readonly BatchSizes[]): Promise<void> {
    const distinct = new Map(all.map((sizes) => [sizesKey(sizes), sizes]));
    this.#destroyPrograms();
    const recordings = [...distinct].map(([key, sizes]) => ({ name: `inputs ${key}`, graph: this.#graph(key, sizes) }));
    const compiled = await compileAll(this.#device, recordings, this.#arena);
    for (const [i, key] of [...distinct.keys()].entries()) this.#programs.set(key, compiled[i]);
  }

  #graph(key: string, sizes: BatchSizes): Graph {
    const batch = this.#batches.get(key) ?? this.#network.batch(sizes, this.#owned);
    this.#batches.set(key, batch);
    const g = new Graph();
    const captured = new Map<string, Tensor>();
    batch.loss(g, trainedLayers(this.#parts, { captured }));
    this.#record(g, captured, batch);
    return g;
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
      const rows = scaleRows(g, x, batch.counts(name).roots);
      matmul(g, rows, rows, { layout: 'tn', into, accumulate: true });
    }
  }

  #newSum(name: string, size: number): Tensor {
    const tensor = storeTensor(this.#device, plainTensor(`covariance of ${name}`, [size, size]), 'spaces');
    this.#owned.push(tensor.storage.buffer);
    this.#sums.set(name, { tensor, names: [name] });
    return tensor;
  }

  /** The programs of all prepared shapes. */
  get programs(): Program[] {
    return [...this.#programs.values()].map(({ program }) => program);
  }

  /** Bytes of the largest sum; sums are read back one by one. */
  get largestBytes(): number {
    return Math.max(0, ...[...this.#sums.values()].map(({ tensor }) => tensor.elements * 4));
  }

  /** Adds a batch whose sizes are prepared. */
  async add(rows: Batch): Promise<void> {
    const key = sizesKey(this.#network.sizes(rows));
    const program = this.#programs.get(key);
    if (program === undefined) throw new Error(`no program for ${key}`);
    this.#batches.get(key)?.write(rows);
    await this.#device.run([program.program]);
  }

  /** The sums of all batches. */
  get sums(): readonly CovarianceSum[] {
    return [...this.#sums.values()];
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
