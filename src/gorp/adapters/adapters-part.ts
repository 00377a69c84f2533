import { mixSeed } from '../../base/random.ts';
import type { Device } from '../../device/device.ts';
import { runOnce } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { addInto } from '../../graph/ops/elementwise.ts';
import { plainTensor, storeTensor, type Tensor } from '../../graph/tensor.ts';
import { outsideRows, recordLeadingVectors, sketchSize } from '../../linear-algebra/block-power.ts';
import type { Meters } from '../part/layer-statistics.ts';
import type { AdapterPlan, Schedule } from '../part/method-plan.ts';
import type { CovarianceSum, EndedTask, LayerPass, LayerUses, TaskOf } from '../part/part.ts';
import { GroupedPart } from '../part/grouped-part.ts';
import type { Stack } from '../part/stack.ts';
import type { LayerGroup } from '../part/trainable-group.ts';
import { InputSpaces, type SpaceSource } from '../spaces/input-spaces.ts';
import { LoraGroup } from './lora-group.ts';

/**
 * Writes the A of InfLoRA (docs/method.md, eq. (26)): the first r left singular vectors of P C, as rows, over √3. It
 * responds to the main inputs of the new task outside the space of earlier tasks. Rows without a direction left outside
 * the space are 0 there.
 *
 * @param covariance C = X Xᵀ of the task's inputs as columns, [in, in], not necessarily divided by their number.
 * @param P of the space, [in, in]; undefined before the first task.
 * @param into A [r, in], one for each layer that reads the input.
 */
export async function writeDesignedA(
  device: Device,
  covariance: Tensor,
  P: Tensor | undefined,
  into: readonly Tensor[],
): Promise<void> {
  const [rank, n] = into[0].shape;
  const size = sketchSize(rank, n, n);
  const sketch = storeTensor(device, plainTensor('main inputs', [size, n]), 'inputs');
  const g = new Graph();
  // P C = dYᵀ X for X = C and dY = P; and C has the singular vectors of C C.
  recordLeadingVectors(g, { x: covariance, dy: P ?? covariance }, 'left', sketch);
  const leading = { ...sketch, shape: [rank, n], elements: rank * n };
  // Vectors of a singular value of 0 are arbitrary and can lie in the space.
  const rows = outsideRows(g, leading, P);
  for (const A of into) addInto(g, rows, A, 1 / Math.sqrt(3), 0);
  try {
    await runOnce(device, 'designed adapters', g);
  } finally {
    sketch.storage.buffer.destroy();
  }
}

/** LoRA adapters of all layers that get them (docs/method.md, section 2), in groups of layers of one shape. */
export class Adapters extends GroupedPart<LoraGroup> {
  readonly plan: AdapterPlan;
  readonly groups: readonly LoraGroup[];
  readonly #device: Device;
  readonly #schedule: Schedule;
  readonly #inputSpaces: InputSpaces | undefined;

  /**
   * @param readsEarlier whether another part reads the pairs of earlier tasks one by one.
   * @throws GorpError `device/out-of-memory`, ….
   */
  constructor(
    device: Device,
    plan: AdapterPlan,
    schedule: Schedule,
    layers: readonly LayerGroup[],
    space: SpaceSource,
    readsEarlier: boolean,
  ) {
    super();
    this.plan = plan;
    this.#device = device;
    this.#schedule = schedule;
    this.#inputSpaces = space instanceof InputSpaces ? space : undefined;
    const isKept = plan.pairs === 'per-task' && schedule === 'in-turn';
    const previous = !isKept ? 'dropped' : readsEarlier ? 'kept' : 'folded';
    this.groups = layers.map((group) => new LoraGroup(device, group, plan, previous, space));
  }

  get trainable(): number {
    return this.groups.reduce((sum, { trainable }) => sum + trainable, 0);
  }

  get learningRate() {
    return { of: 'adapters', rate: this.plan.learningRate } as const;
  }

  /** Whether there is a pair of an earlier task, folded or not. */
  get hasEarlierPairs(): boolean {
    return this.groups.some(
      ({ adapters, layers: { names } }) => adapters.previousA(names[0]) ?? adapters.weight(names[0]),
    );
  }

  /** The weight of a layer with the folded pairs of earlier tasks, unless the graph uses none. */
  weight(layer: string, { pairs }: LayerUses): { trainable: false; gradient: undefined; stored: Tensor } | undefined {
    const stored = pairs === 'none' ? undefined : this.groupOf(layer)?.adapters.weight(layer);
    return stored && { trainable: false, gradient: undefined, stored };
  }

  get trained(): readonly Stack[] {
    return this.groups.flatMap(({ adapters }) => [adapters.A, adapters.B]);
  }

  /** y + s (d(x) A_prevᵀ) B_prevᵀ + s (d(x) Aᵀ) Bᵀ: docs/method.md, eq. (1). */
  forward({ g, name, x, uses, scales }: LayerPass, y: Tensor): Tensor {
    const group = this.groupOf(name);
    if (group === undefined || uses.pairs === 'none') return y;
    const { alpha, rank, dropout: rate } = this.plan;
    const scale = alpha / rank;
    if (uses.pairs === 'earlier') {
      return group.adapters.apply(g, name, x, y, null, scale, undefined, undefined, scales);
    }
    const { trainables, outputs } = uses;
    const training = trainables !== undefined;
    const pair = {
      A: group.adapters.A.view(name, training && group.trainsA),
      B: group.adapters.B.view(name, training),
    };
    if (group.trainsA) trainables?.set(pair.A, group.gradA.view(name, false));
    trainables?.set(pair.B, group.gradB.view(name, false));
    const drop = uses.dropout && { step: uses.dropout, salt: mixSeed(0, name) >>> 0, rate };
    const { mask } = group;
    const note =
      mask && outputs
        ? (part: 'A' | 'B', output: Tensor) => mask.record(g, part, name, output, outputs.counts(name), outputs.adds)
        : undefined;
    const noteA = note && ((h: Tensor): void => note('A', h));
    const output = group.adapters.apply(g, name, x, y, pair, scale, drop, noteA, scales);
    note?.('B', output);
    return output;
  }

  clearGradients(): void {
    for (const group of this.groups) group.clearGradients();
  }

  recordSquares(g: Graph, meters: Meters): void {
    for (const group of this.groups) group.recordSquares(g, meters);
  }

  /** Freezes the pair of the task before, if each task has its own; those learned apart drop it. */
  async beginTask({ task, seed }: TaskOf): Promise<void> {
    const isFresh = task === 1 || this.plan.pairs === 'per-task';
    if (isFresh && task > 1 && this.#schedule !== 'apart') {
      for (const group of this.groups) await group.adapters.freeze();
    }
    for (const group of this.groups) await group.beginTask(mixSeed(seed, 'task', task), isFresh);
  }

  /** Folds the pairs into the weights when it is time. */
  async endTask({ model: { parameters } }: EndedTask): Promise<[]> {
    const { alpha, rank } = this.plan;
    for (const { adapters } of this.groups) {
      await adapters.fold((layer) => parameters.tensor(`${layer}.weight`), alpha / rank);
    }
    return [];
  }

  get readsInputsAtBegin(): boolean {
    return this.plan.design === 'inputs';
  }

  /** Gives every layer the A designed from its inputs and the space of earlier tasks. */
  async beginWithInputs(sums: readonly CovarianceSum[]): Promise<undefined> {
    if (!this.readsInputsAtBegin) return;
    for (const { tensor, names } of sums) {
      const A = this.groups.flatMap(({ layers, adapters }) =>
        layers.names.filter((name) => names.includes(name)).map((name) => adapters.A.view(name, false)),
      );
      if (A.length > 0) await writeDesignedA(this.#device, tensor, this.#inputSpaces?.viewOf(names[0]), A);
    }
  }

  /** Frozen pairs are saved, beside the one in training, which counts as a state of the device. */
  savedBytes(): number {
    return this.groups.reduce((sum, { adapters }) => sum + adapters.previousBytes, 0);
  }
}
