import type { Batch, BatchSizes } from '../../base/batch.ts';
import type { Device, Program } from '../../device/device.ts';
import { compile, type Compiled } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { add, addInto, scaleRows } from '../../graph/ops/elementwise.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { type Matrix, matrix } from '../../linear-algebra/matrix.ts';
import type { Network } from '../../models/network.ts';
import { type LoraGroup, namedPair } from '../adapters/lora-group.ts';
import { GradientPrograms } from '../part/gradient-programs.ts';
import { adapterName, type ImportancePlan } from '../part/method-plan.ts';
import type { EndedTask, MeasuringOf, Part, Reservation, Reserved, TrainedModel } from '../part/part.ts';
import { Stack } from '../part/stack.ts';
import { hostTensor, type SavedProgress, type SavedTensors, type StateTensor } from '../part/state.ts';

/** All numbers of a stack as rows of one number each, including the gaps between its matrices, which are 0. */
const entries = (stack: Tensor): Tensor => ({ ...stack, shape: [stack.elements, 1] });

/**
 * The term weight / 2 · Σ importance ∘ (θ − anchor)² for a stack of trained tensors (elastic weight consolidation,
 * Kirkpatrick et al. 2017, eq. 3), with its tensors on the device.
 */
export class QuadraticTerm {
  readonly #like: Stack;
  readonly #importance: Stack;
  readonly #anchor: Stack;

  /** @param like the stack of θ. @param label names the buffers. */
  constructor(device: Device, like: Stack, label: string) {
    this.#like = like;
    this.#importance = new Stack(device, 'spaces', `importance of ${label}`, like.names, like.rows, like.columns);
    this.#anchor = new Stack(device, 'spaces', `anchor of ${label}`, like.names, like.rows, like.columns);
  }

  /** Bytes on the device. */
  get bytes(): number {
    const { tensor } = this.#importance;
    return 2 * 4 * tensor.elements;
  }

  /** Uploads the importance and the anchor of each layer. */
  write(importanceOf: (layer: string) => Matrix, anchorOf: (layer: string) => Matrix): void {
    for (const layer of this.#like.names) {
      this.#importance.write(layer, importanceOf(layer));
      this.#anchor.write(layer, anchorOf(layer));
    }
  }

  /** Adds weight · importance ∘ (θ − anchor), the gradient of the term, to a gradient. */
  record(g: Graph, gradient: Stack, weight: number): void {
    const away = add(g, entries(this.#like.tensor), entries(this.#anchor.tensor), 1, -1); // [elements, 1]
    const pull = scaleRows(g, away, entries(this.#importance.tensor)); // [elements, 1]
    addInto(g, pull, entries(gradient.tensor), weight, 1);
  }

  destroy(): void {
    this.#importance.destroy();
    this.#anchor.destroy();
  }
}

/**
 * The mean over examples of (∂ log p(label | prompt) / ∂θ)² of every number of the adapters: the diagonal of the
 * empirical Fisher matrix. It takes one example at a time, since the square of a batch's mean gradient differs and
 * shrinks with the batch, and uses no dropout. It overwrites the gradients in the stacks of the groups.
 */
class SquaredGradients {
  readonly #device: Device;
  readonly #gradients: GradientPrograms;
  readonly #sizesOf: (rows: Batch) => BatchSizes;
  /** Sums for A and for B of every group. */
  readonly #sums: readonly { readonly group: LoraGroup; readonly A: Stack; readonly B: Stack }[];
  #adding: Compiled | undefined;
  #count = 0;

  /** @param groups of all trained adapters. @param loss f32 [1]: a sum of losses, which is never read. */
  constructor(
    device: Device,
    network: Network,
    model: TrainedModel,
    groups: readonly LoraGroup[],
    loss: Tensor,
    options: { recompute: boolean },
  ) {
    this.#device = device;
    this.#sizesOf = (rows) => network.sizes(rows);
    this.#gradients = new GradientPrograms(device, network, model, loss, { accumulation: 1, drops: false, ...options });
    this.#sums = groups.map((group) => {
      const { names, out, inputs } = group.layers;
      const { rank } = group.adapters;
      return {
        group,
        A: new Stack(device, 'spaces', 'squares of lora_A', names, rank, inputs),
        B: new Stack(device, 'spaces', 'squares of lora_B', names, out, rank),
      };
    });
  }

  /** Compiles the programs of an example of these sizes. */
  async prepare(sizes: BatchSizes): Promise<Program[]> {
    const [{ compiled }] = await this.#gradients.of([sizes], 'gradients');
    return [compiled.program, await this.#add()];
  }

  /** Adds an example. @param batch of one row. */
  async add(rows: Batch): Promise<void> {
    if (rows.length !== 1) throw new Error(`squared gradients take one example at a time, not ${rows.length}`);
    const [{ batch, compiled }] = await this.#gradients.of([this.#sizesOf(rows)], 'gradients');
    batch.write(rows, 1); // the loss is then −log p, not its mean over the label tokens
    await this.#device.run([compiled.program, await this.#add()]);
    this.#count++;
  }

  /** sum ← sum + G². */
  async #add(): Promise<Program> {
    if (this.#adding) return this.#adding.program;
    const g = new Graph();
    for (const { group, A, B } of this.#sums) {
      for (const [gradient, sum] of [[group.gradA, A] as const, [group.gradB, B] as const]) {
        const squared = scaleRows(g, entries(gradient.tensor), entries(gradient.tensor)); // [elements, 1]
        addInto(g, squared, entries(sum.tensor), 1, 1);
      }
    }
    this.#adding = await compile(this.#device, 'squares of gradients', g, []);
    return this.#adding.program;
  }

  /** Bytes of the largest sum; sums are read back one by one. */
  get largestBytes(): number {
    return Math.max(0, ...this.#sums.flatMap(({ A, B }) => [A, B].map(({ shape }) => shape.count * shape.stride * 4)));
  }

  /** The means by tensor name; waits for the device. */
  async read(): Promise<Map<string, Matrix>> {
    const means = new Map<string, Matrix>();
    for (const { A, B } of this.#sums) {
      for (const [name, { rows, columns, data }] of namedPair(await A.read(), await B.read())) {
        means.set(name, { rows, columns, data: data.map((value) => value / Math.max(1, this.#count)) });
      }
    }
    return means;
  }

  destroy(): void {
    this.#gradients.destroy();
    this.#adding?.destroy();
    for (const { A, B } of this.#sums) for (const sum of [A, B]) sum.destroy();
  }
}

/** Tensors of the state, one for each matrix of an adapter: `method/fisher/….lora_A`. */
export const FISHER = 'method/fisher/';
export const ANCHOR = 'method/anchor/';

/**
 * Pulls adapters back to what they were after the task before, each number by its importance (docs/method.md, eq. (30)).
 * Importances and anchors are on the host between tasks, and on the device during one.
 */
export class Importance implements Part {
  readonly #device: Device;
  readonly #plan: ImportancePlan;
  readonly #groups: readonly LoraGroup[];
  /** Importances and anchors after the last task, by their names in a state. */
  #tensors: ReadonlyMap<string, Matrix> = new Map();
  #terms: { group: LoraGroup; onA: QuadraticTerm; onB: QuadraticTerm }[] = [];

  constructor(device: Device, plan: ImportancePlan, groups: readonly LoraGroup[]) {
    this.#device = device;
    this.#plan = plan;
    this.#groups = groups;
  }

  beginTask(): Promise<void> {
    this.#upload();
    return Promise.resolve();
  }

  #upload(): void {
    this.#drop();
    if (this.#tensors.size === 0) return;
    this.#place();
    const find = (name: string): Matrix => {
      const found = this.#tensors.get(name);
      if (found === undefined) throw new Error(`the state has no ${name}`);
      return found;
    };
    for (const { onA, onB } of this.#terms) {
      for (const [term, part] of [[onA, 'lora_A'] as const, [onB, 'lora_B'] as const]) {
        term.write(
          (layer) => find(FISHER + adapterName(layer, part)),
          (layer) => find(ANCHOR + adapterName(layer, part)),
        );
      }
    }
  }

  #place(): void {
    this.#terms = this.#groups.map((group) => ({
      group,
      onA: new QuadraticTerm(this.#device, group.adapters.A, 'lora_A'),
      onB: new QuadraticTerm(this.#device, group.adapters.B, 'lora_B'),
    }));
  }

  #drop(): void {
    for (const { onA, onB } of this.#terms) for (const one of [onA, onB]) one.destroy();
    this.#terms = [];
  }

  recordTerms(g: Graph): void {
    const { weight } = this.#plan;
    if (weight === 0) return;
    for (const { group, onA, onB } of this.#terms) {
      onA.record(g, group.gradA, weight);
      onB.record(g, group.gradB, weight);
    }
  }

  async endTask(task: EndedTask): Promise<[]> {
    const squares = await this.#squaredGradients(task);
    const pairs = (await Promise.all(this.#groups.map((group) => group.readPair()))).flat();
    this.#tensors = consolidated(this.#tensors, squares, new Map(pairs), this.#plan.decay);
    return [];
  }

  async #squaredGradients({
    device,
    network,
    model,
    loss,
    singles,
    recompute,
    onPart,
  }: EndedTask): Promise<Map<string, Matrix>> {
    const squares = new SquaredGradients(device, network, model, this.#groups, loss, { recompute });
    try {
      for (const [done, one] of singles.entries()) {
        await onPart(done, singles.length);
        await squares.add(one);
      }
      return await squares.read();
    } finally {
      squares.destroy();
    }
  }

  get storedBytes(): number {
    return 4 * [...this.#tensors.values()].reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  }

  /** They are f32 on the device, but saved in f64 from the host. */
  savedBytes(): number {
    return 2 * this.#terms.reduce((sum, { onA, onB }) => sum + onA.bytes + onB.bytes, 0);
  }

  /** At the end of a task F_t, and F and the anchors as they were and as they are: five where the state has two. */
  hostBytes(): number {
    return (5 / 2) * this.savedBytes();
  }

  reserve({ pairs }: Reservation): void {
    this.#drop();
    if (pairs > 0) this.#place();
  }

  async *reserveMeasuring(
    { device, network, model, loss, recompute }: MeasuringOf,
    _: readonly BatchSizes[],
    single: BatchSizes,
  ): AsyncGenerator<Reserved> {
    const squares = new SquaredGradients(device, network, model, this.#groups, loss, { recompute });
    const ofSingle = await squares.prepare(single);
    yield { largestBytes: squares.largestBytes, ofSingle };
    squares.destroy();
  }

  state(): StateTensor[] {
    return [...this.#tensors].map(([name, tensor]) => hostTensor(name, tensor, 'F64'));
  }

  async restore(saved: SavedTensors, { training }: SavedProgress): Promise<void> {
    const tensors = new Map<string, Matrix>();
    for (const name of saved.names.filter((one) => one.startsWith(FISHER) || one.startsWith(ANCHOR))) {
      const found = await saved.read(name);
      if (found) tensors.set(name, matrix(found.rows, found.columns, found.data));
    }
    this.#tensors = tensors;
    if (training) this.#upload();
  }

  destroy(): void {
    this.#drop();
  }
}

/**
 * Importances and anchors after a task, by their names in a state: F ← γ F + F_t, where F_t is divided by its own mean
 * over all numbers, so that one range of weights fits all models; and the adapters as they are.
 *
 * @param before the same after the task before; empty before the first.
 * @param squares F_t, by the name of an adapter's matrix.
 * @param decay γ.
 */
export function consolidated(
  before: ReadonlyMap<string, Matrix>,
  squares: ReadonlyMap<string, Matrix>,
  adapters: ReadonlyMap<string, Matrix>,
  decay: number,
): Map<string, Matrix> {
  const all = [...squares.values()];
  const count = all.reduce((sum, { data }) => sum + data.length, 0);
  const mean = all.reduce((sum, { data }) => sum + data.reduce((a, b) => a + b, 0), 0) / count;
  const factor = mean > 0 ? 1 / mean : 0; // 0 if all gradients are 0
  const fisher = [...squares].map(([name, { rows, columns, data }]) => {
    const earlier = before.get(FISHER + name)?.data;
    const values = data.map((square, i) => decay * (earlier?.[i] ?? 0) + factor * square);
    return [FISHER + name, { rows, columns, data: values }] as const;
  });
  return new Map([...fisher, ...[...adapters].map(([name, values]) => [ANCHOR + name, values] as const)]);
}
