import { mixSeed, seededRandom } from '../../base/random.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { activation } from '../../graph/ops/elementwise.ts';
import { batchedMatmul, matmul } from '../../graph/ops/matmul.ts';
import { rmsNorm } from '../../graph/ops/norm.ts';
import { plainTensor, type StoredTensor, storeTensor, type Tensor } from '../../graph/tensor.ts';
import { GATE_EPSILON, GATE_SHARPNESS } from '../../models/gate-form.ts';
import { GatePart } from './gate-part.ts';
import { type GateReads, grownGateSpace, keyOf } from './gate-spaces.ts';
import { type Matrix, matrix } from '../../linear-algebra/matrix.ts';
import { GATE_PROMPTS, type GatePlan, thresholdOf } from '../method-plan.ts';
import type { SavedProgress, SavedTensors, StateOwner, StateTensor } from '../state.ts';
import type { UpdateContext } from '../trainable-group.ts';

/** The gates of a graph's prompts. */
export interface GateValues {
  /** Of earlier tasks, [tasks, B, 1]; undefined in the first. */
  readonly previous: Tensor | undefined;
  /** Of the current task, [1, B, 1]. */
  readonly own: Tensor;
}

/**
 * A gate per task, which scales the task's adapters for each prompt (docs/method.md, eq. (31) to (33)): a network of two
 * layers on the mean embedding of the prompt, and the cosine of its result and a key. The gates of earlier tasks are
 * frozen; the new one starts as the last, with a key of its own.
 */
export class Gates implements StateOwner {
  readonly plan: GatePlan;
  /** G₁ [width, D], G₂ [D, width] and the key [1, D]. */
  readonly parts: readonly [first: GatePart, second: GatePart, key: GatePart];
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
    this.parts = [
      new GatePart(device, 'first', width, D),
      new GatePart(device, 'second', D, width),
      new GatePart(device, 'key', 1, D),
    ];
  }

  /** Number of trained numbers. */
  get size(): number {
    return this.parts.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  }

  /** Numbers of the spaces that are stored between tasks. */
  get spaceNumbers(): number {
    return this.parts.reduce((sum, { space }) => sum + (space ? space.rows * space.columns : 0), 0);
  }

  /**
   * Records the gates of prompts.
   *
   * @param prompts mean embeddings [1, B, D]. @param trainables receives the trained weights and the places of their
   * gradients; undefined if the graph trains nothing.
   */
  record(g: Graph, prompts: Tensor, trainables?: Map<Tensor, Tensor>): GateValues {
    const own = this.parts.map((part) => {
      const { weight, gradient } = part.view(trainables !== undefined);
      trainables?.set(weight, gradient);
      return weight;
    });
    const previous = this.parts.map((part) => part.previous);
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

  /** What the weights of the current task's gate read of prompts: [1, B, D], [1, B, width] and [1, B, D]. */
  recordReads(g: Graph, prompts: Tensor): Tensor[] {
    const own = this.parts.map((part) => part.view(false).weight);
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
    return { gate: activation(g, 'gate', score), reads: [prompts, hidden, last] };
  }

  /**
   * Starts a task's gate: the first one at random, later ones as the last, which is frozen. Its key is set by
   * {@link setKey}.
   */
  async beginTask(task: number, seed: number): Promise<void> {
    const [first, second] = this.parts;
    if (task > 1) for (const part of this.parts) await part.freeze();
    else for (const part of [first, second]) part.write(uniform(part, mixSeed(seed, 'gate', part.name)));
    for (const part of this.parts) part.beginTask();
  }

  /**
   * The key of the new gate, from what it is to read of the task's prompts: docs/method.md, eq. (32).
   *
   * @param reads one vector per prompt.
   */
  setKey(reads: Matrix, seed: number): void {
    const [, , key] = this.parts;
    key.write(keyOf(reads, key.space, uniform(key, mixSeed(seed, 'gate', key.name))));
  }

  /** Grows the spaces of what the gates read by the reads of a finished task. @param tasks number of tasks. */
  endTask(reads: GateReads, task: number, tasks: number): void {
    const { threshold, energyOf } = this.plan;
    const share = thresholdOf({ threshold, rises: true }, task, tasks);
    this.parts.forEach((part, i) => (part.space = grownGateSpace(part.space, reads[i], share, energyOf)));
  }

  /** Clears the gradients, if micro-batches are added up. */
  clearGradients(): void {
    for (const { gradient } of this.parts) gradient.clear();
  }

  /** Adds the energies of the gradients to the global norm. @param places one for each part. */
  recordSquares(g: Graph, places: readonly Tensor[]): void {
    this.parts.forEach((part, i) => part.recordSquares(g, places[i]));
  }

  recordUpdate(context: Omit<UpdateContext, 'meters'>): void {
    for (const part of this.parts) part.recordUpdate(context);
  }

  /** Takes memory as for this many frozen gates, and ended tasks, for a memory plan. */
  reserve({ pairs, spaces }: { pairs: number; spaces: number }): void {
    for (const part of this.parts) part.reserve(pairs, spaces * GATE_PROMPTS);
  }

  /** Maximum bytes of the spaces after a number of tasks, in f64 on the host as in a saved state. */
  spaceBytes(tasks: number): number {
    return this.parts.reduce((sum, { columns }) => sum + 8 * columns * Math.min(columns, tasks * GATE_PROMPTS), 0);
  }

  state(training: boolean): StateTensor[] {
    return this.parts.flatMap((part) => part.state(training));
  }

  async restore(saved: SavedTensors, progress: SavedProgress): Promise<void> {
    for (const part of this.parts) await part.restore(saved, progress);
  }

  destroy(): void {
    for (const part of this.parts) part.destroy();
    for (const buffer of this.#owned) buffer.destroy();
  }
}

/** U(−1/√columns, 1/√columns), as the fresh A of an adapter. */
function uniform({ rows, columns }: GatePart, seed: number): Matrix {
  const random = seededRandom(seed);
  const bound = 1 / Math.sqrt(columns);
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => (2 * random.next() - 1) * bound),
  );
}
