import type { Batch } from '../../base/batch.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { type Compiled, compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { plainLayers } from '../../models/layers.ts';
import type { Network, TrainingBatch } from '../../models/network.ts';
import type { Parameters } from '../../models/parameters.ts';
import type { GateReads } from './gate-spaces.ts';
import { sizesKey } from '../gradient-programs.ts';
import { matrix } from '../../linear-algebra/matrix.ts';

/** The current gate, as far as it reads prompts. */
interface ReadingGate {
  readonly weights: readonly { readonly columns: number }[];
  recordReads(g: Graph, prompts: Tensor): Tensor[];
}

interface Reading {
  readonly batch: TrainingBatch;
  readonly compiled: Compiled;
  readonly reads: readonly Tensor[];
}

/** Computes what the weights of the current gate read of prompts. It needs their embeddings, and no layer. */
export class GateReading {
  readonly #device: Device;
  readonly #network: Network;
  readonly #gates: ReadingGate;
  readonly #parameters: Parameters;
  readonly #programs = new Map<string, Reading>();
  readonly #owned: OwnedBuffer[] = [];

  constructor(device: Device, network: Network, gates: ReadingGate, parameters: Parameters) {
    this.#device = device;
    this.#network = network;
    this.#gates = gates;
    this.#parameters = parameters;
  }

  /** Compiles the program of a batch. */
  async prepare(rows: Batch): Promise<Reading> {
    const sizes = this.#network.sizes(rows, true);
    const key = sizesKey(sizes);
    const known = this.#programs.get(key);
    if (known) return known;
    const batch = this.#network.batch(sizes, this.#owned);
    const g = new Graph();
    const layers = plainLayers((name) => this.#parameters.tensor(name));
    const reads = this.#gates.recordReads(g, batch.promptMeans(g, layers));
    const reading = { batch, reads, compiled: await compile(this.#device, `gates ${key}`, g, reads) };
    this.#programs.set(key, reading);
    return reading;
  }

  /** @returns the reads of each weight, one prompt per column. */
  async read(prompts: readonly Batch[]): Promise<GateReads> {
    const columns: number[][][] = this.#gates.weights.map(() => []);
    for (const rows of prompts) {
      const { batch, compiled, reads } = await this.prepare(rows);
      batch.write(rows);
      await this.#device.run([compiled.program]);
      for (const [i, tensor] of reads.entries()) {
        const width = tensor.shape.at(-1) ?? 1;
        const values = new Float32Array(await this.#device.read(compiled.rangeOf(tensor)));
        rows.forEach((_, row) => columns[i].push([...values.subarray(row * width, (row + 1) * width)]));
      }
    }
    const [first, second, key] = columns.map((vectors, i) => {
      const height = this.#gates.weights[i].columns;
      const values = Float64Array.from({ length: height * vectors.length }, (_, at) => {
        return vectors[at % vectors.length][Math.floor(at / vectors.length)];
      });
      return matrix(height, vectors.length, values);
    });
    return [first, second, key];
  }

  destroy(): void {
    for (const { compiled } of this.#programs.values()) compiled.destroy();
    for (const buffer of this.#owned) buffer.destroy();
  }
}
