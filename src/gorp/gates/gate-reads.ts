import type { Batch } from '../../base/batch.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { compile, type Compiled } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { columnSlice, energy, type Matrix, matrix, transpose } from '../../linear-algebra/matrix.ts';
import { svd } from '../../linear-algebra/svd.ts';
import { plainLayers } from '../../models/layers.ts';
import type { Network, TrainingBatch } from '../../models/network.ts';
import type { Parameters } from '../../models/parameters.ts';
import { sizesKey } from '../part/gradient-programs.ts';
import type { GatePlan } from '../part/method-plan.ts';
import { growSpace, projectOutLeft } from '../spaces/space.ts';

/** The inputs of the three weights of a gate, one prompt per column. */
export type GateReads = readonly [first: Matrix, second: Matrix, key: Matrix];

/** A direction whose energy is below this share is rounding noise. */
const NOISE = 1e-10;

/**
 * The key of a new gate: the main direction of what it is to read outside the space of earlier tasks, of length 1. On
 * what the space holds, the gate is then 0 (docs/method.md, eq. (32)).
 *
 * @param reads [D, prompts]. @param space S [D, k], or null.
 * @param fallback [1, D], projected and used if nothing is left of the reads.
 * @returns [1, D]; 0 if the space has all directions, so that the gate stays closed.
 */
export function keyOf(reads: Matrix, space: Matrix | null, fallback: Matrix): Matrix {
  const S = space ?? matrix(reads.rows, 0);
  const outside = projectOutLeft(reads, S);
  const isLeft = energy(outside) > NOISE * energy(reads);
  const direction = isLeft ? columnSlice(svd(outside).u, 0, 1) : transpose(fallback);
  const key = projectOutLeft(direction, S);
  const length = Math.sqrt(energy(key));
  if (length < Math.sqrt(NOISE)) return matrix(1, reads.rows);
  return matrix(1, reads.rows, key.data.map((value) => value / length)); // oxfmt-ignore
}

/**
 * A space grown by what a weight read of a finished task's prompts X, by docs/method.md, eq. (15), with M = X or, for the
 * energies of covariances, M = X Xᵀ, whose left singular vectors and values are those of X (XᵀX)^½.
 */
export function grownGateSpace(
  space: Matrix | null,
  reads: Matrix,
  threshold: number,
  energyOf: GatePlan['energyOf'],
): Matrix {
  if (reads.columns === 0) return space ?? matrix(reads.rows, 0);
  const { u, singularValues } = svd(reads);
  const powers = singularValues.map((value) => (energyOf === 'covariances' ? value ** 2 : value));
  const scaled = matrix(u.rows, u.columns, u.data.map((value, at) => value * powers[at % u.columns])); // oxfmt-ignore
  return growSpace({ space, moment: scaled, threshold }).space;
}

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
