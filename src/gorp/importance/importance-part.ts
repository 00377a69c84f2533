import type { BatchSizes } from '../../base/batch.ts';
import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { type Matrix, matrix } from '../../linear-algebra/matrix.ts';
import type { LoraGroup } from '../adapters/lora-group.ts';
import { adapterName, type ImportancePlan } from '../part/method-plan.ts';
import type { EndedTask, MeasuringOf, Part, Reservation, Reserved } from '../part/part.ts';
import { hostTensor, type SavedProgress, type SavedTensors, type StateTensor } from '../part/state.ts';
import { QuadraticTerm } from './quadratic-term.ts';
import { SquaredGradients } from './squared-gradients.ts';

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
  }: EndedTask): Promise<Map<string, Matrix>> {
    const squares = new SquaredGradients(device, network, model, this.#groups, loss, { recompute });
    try {
      for (const one of singles) await squares.add(one);
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
    await squares.prepare(single);
    yield squares;
    squares.destroy();
  }

  state(): StateTensor[] {
    return [...this.#tensors].map(([name, tensor]) => hostTensor(name, tensor));
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
