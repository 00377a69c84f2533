import { mixSeed, seededRandom } from '../../base/random.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { GateWeight } from './gate-weight.ts';
import type { Meters } from '../part/layer-statistics.ts';
import { GATE_EPSILON, GATE_PROMPTS, GATE_SHARPNESS, type GatePlan, thresholdOf } from '../part/method-plan.ts';
import type { EndedTask, LayerUses, PairScales, Part, Reservation, TaskOf, UpdateParts } from '../part/part.ts';
import type { Stack } from '../part/stack.ts';
import type { SavedProgress, SavedTensors, StateTensor } from '../part/state.ts';
import { growSpace, projectOutLeft } from '../spaces/space.ts';
import { runOnce } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { activation } from '../../graph/ops/elementwise.ts';
import { batchedMatmul, matmul } from '../../graph/ops/matmul.ts';
import { rmsNorm } from '../../graph/ops/norm.ts';
import { type StoredTensor, type Tensor, plainTensor, storeTensor } from '../../graph/tensor.ts';
import { type Matrix, columnSlice, energy, matrix, single, transpose } from '../../linear-algebra/matrix.ts';
import { svd } from '../../linear-algebra/svd.ts';
import { plainLayers } from '../../models/layers.ts';

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

/** Computes what the weights of the current gate read of prompts, one prompt per column. It needs their embeddings, and no layer. */
async function gateReads(gates: Gates, { device, network, model, prompts }: TaskOf): Promise<GateReads> {
  const columns: number[][][] = gates.weights.map(() => []);
  for (const rows of prompts) {
    const owned: OwnedBuffer[] = [];
    try {
      const batch = network.batch(network.sizes(rows), owned);
      const g = new Graph();
      const reads = gates.recordReads(
        g,
        batch.promptMeans(
          g,
          plainLayers((name) => model.parameters.tensor(name)),
        ),
      );
      batch.write(rows);
      await runOnce(device, 'reads of gates', g, reads, async (compiled) => {
        for (const [i, tensor] of reads.entries()) {
          const width = tensor.shape.at(-1) ?? 1;
          const values = new Float32Array(await device.read(compiled.rangeOf(tensor)));
          rows.forEach((_, row) => columns[i].push([...values.subarray(row * width, (row + 1) * width)]));
        }
      });
    } finally {
      for (const buffer of owned) buffer.destroy();
    }
  }
  const [first, second, key] = columns.map((vectors, i) => {
    const height = gates.weights[i].columns;
    const values = Float64Array.from({ length: height * vectors.length }, (_, at) => {
      return vectors[at % vectors.length][Math.floor(at / vectors.length)];
    });
    return matrix(height, vectors.length, values);
  });
  return [first, second, key];
}

/**
 * A gate per task, which scales the task's adapters for each prompt (docs/method.md, eq. (31) to (33)): a network of two
 * layers on the mean embedding of the prompt, and the cosine of its result and a key. The gates of earlier tasks are
 * frozen; the new one starts as the last, with a key of its own.
 */
export class Gates implements Part {
  readonly plan: GatePlan;
  /** G₁ [width, D], G₂ [D, width] and the key [1, D]. */
  readonly weights: readonly [first: GateWeight, second: GateWeight, key: GateWeight];
  /** The weight of norms that scale nothing. */
  readonly #ones: StoredTensor;
  readonly #owned: OwnedBuffer[] = [];

  /** @param D width of a token's embedding. */
  constructor(device: Device, plan: GatePlan, D: number) {
    this.plan = plan;
    this.#ones = storeTensor(device, plainTensor('ones', [D]), 'inputs');
    this.#owned.push(this.#ones.storage.buffer);
    device.write(this.#ones.storage.buffer, 0, new Float32Array(D).fill(1));
    const { width } = plan;
    this.weights = [
      new GateWeight(device, 'first', width, D),
      new GateWeight(device, 'second', D, width),
      new GateWeight(device, 'key', 1, D),
    ];
  }

  get trainable(): number {
    return this.weights.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  }

  get furtherGradients(): number {
    return this.weights.length;
  }

  /** Bytes of the spaces. */
  get storedBytes(): number {
    return 4 * this.weights.reduce((sum, { space }) => sum + (space ? space.rows * space.columns : 0), 0);
  }

  /** The gates of prompts, which scale the pairs of tasks: docs/method.md, eq. (31). */
  scales(g: Graph, prompts: Tensor, { trainables }: LayerUses): PairScales {
    const own = this.weights.map((part) => {
      const { weight, gradient } = part.view(trainables !== undefined);
      trainables?.set(weight, gradient);
      return weight;
    });
    const previous = this.weights.map((part) => part.previous);
    const [first, second, key] = previous;
    return {
      own: this.#network(g, prompts, own, (x, W, alpha) => matmul(g, x, W, { layout: 'nt', alpha })).gate,
      previous:
        first && second && key
          ? this.#network(g, prompts, [first, second, key], (x, W, alpha) =>
              batchedMatmul(g, x, W, { layout: 'nt', alpha }),
            ).gate
          : undefined,
    };
  }

  /** Records the inputs of the current task's gate: [1, B, D], [1, B, width] and [1, B, D]. */
  recordReads(g: Graph, prompts: Tensor): Tensor[] {
    const own = this.weights.map((part) => part.view(false).weight);
    return this.#network(g, prompts, own, (x, W, alpha) => matmul(g, x, W, { layout: 'nt', alpha })).reads;
  }

  #network(
    g: Graph,
    prompts: Tensor,
    [first, second, key]: readonly Tensor[],
    times: (x: Tensor, W: Tensor, alpha?: number) => Tensor,
  ): { gate: Tensor; reads: Tensor[] } {
    const hidden = activation(g, 'silu', times(prompts, first)); // [n, B, width]
    const last = activation(g, 'silu', times(hidden, second)); // [n, B, D]
    const [D] = this.#ones.shape;
    const unit = (x: Tensor): Tensor => rmsNorm(g, x, this.#ones, GATE_EPSILON); // of length √D
    const score = times(unit(last), unit(key), GATE_SHARPNESS / D); // [n, B, 1]
    return { gate: activation(g, 'abs_tanh_half', score), reads: [prompts, hidden, last] };
  }

  /**
   * Starts a task's gate: the first one at random, later ones as the last, which is frozen. Its key is made from the
   * prompts.
   */
  async beginTask(of: TaskOf): Promise<void> {
    const seed = mixSeed(of.seed, 'task', of.task);
    await this.start(of.task, seed);
    const [, , reads] = await gateReads(this, of);
    this.setKey(reads, seed);
  }

  /** Begins a task without its key, which {@link setKey} sets. */
  async start(task: number, seed: number): Promise<void> {
    const [first, second] = this.weights;
    if (task > 1) for (const part of this.weights) await part.freeze();
    else for (const part of [first, second]) part.write(uniform(part, mixSeed(seed, 'gate', part.name)));
    for (const part of this.weights) part.beginTask();
  }

  /**
   * The key of the new gate, from what it is to read of the task's prompts: docs/method.md, eq. (32).
   *
   * @param reads one vector per prompt.
   */
  setKey(reads: Matrix, seed: number): void {
    const [, , key] = this.weights;
    key.write(keyOf(reads, key.space, uniform(key, mixSeed(seed, 'gate', key.name))));
  }

  /** Grows the spaces of what the gates read. */
  async endTask(of: EndedTask): Promise<[]> {
    this.grow(await gateReads(this, of), of.task, of.tasks());
    return [];
  }

  /** @param reads of a finished task. @param tasks number of tasks. */
  grow(reads: GateReads, task: number, tasks: number): void {
    const { threshold, energyOf } = this.plan;
    const share = thresholdOf({ threshold, rises: true }, task, tasks);
    this.weights.forEach((part, i) => (part.space = single(grownGateSpace(part.space, reads[i], share, energyOf))));
  }

  /** Clears the gradients, if micro-batches are added up. */
  clearGradients(): void {
    for (const { gradient } of this.weights) gradient.clear();
  }

  get trained(): readonly Stack[] {
    return this.weights.map(({ weight }) => weight);
  }

  recordSquares(g: Graph, meters: Meters): void {
    const places = meters.squaresOfOthers;
    this.weights.forEach((part, i) => part.recordSquares(g, places[i]));
  }

  recordUpdate({ g, clip, rates }: UpdateParts): void {
    for (const part of this.weights) part.recordUpdate({ g, clip, rates });
  }

  reserve({ pairs }: Reservation): void {
    for (const part of this.weights) part.reserve(pairs, pairs * GATE_PROMPTS);
  }

  /** Maximum bytes of the spaces. */
  savedBytes(tasks: number): number {
    return this.weights.reduce((sum, { columns }) => sum + 4 * columns * Math.min(columns, tasks * GATE_PROMPTS), 0);
  }

  hostBytes(tasks: number): number {
    return 2 * this.savedBytes(tasks); // in f64
  }

  state(training: boolean): StateTensor[] {
    return this.weights.flatMap((part) => part.state(training));
  }

  async restore(saved: SavedTensors, progress: SavedProgress): Promise<void> {
    for (const part of this.weights) await part.restore(saved, progress);
  }

  destroy(): void {
    for (const part of this.weights) part.destroy();
    for (const buffer of this.#owned) buffer.destroy();
  }
}

/** U(−1/√columns, 1/√columns), as the fresh A of an adapter. */
function uniform({ rows, columns }: GateWeight, seed: number): Matrix {
  const random = seededRandom(seed);
  const bound = 1 / Math.sqrt(columns);
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => (2 * random.next() - 1) * bound),
  );
}
