import { type Matrix, matrix } from '../../linear-algebra/matrix.ts';
import { orthonormaliseRows } from '../../linear-algebra/orthonormal.ts';
import type { LoraGroup } from '../adapters/lora-group.ts';
import { adapterName, mergingWeight } from '../part/method-plan.ts';
import type { EndedTask, Part, TaskOf } from '../part/part.ts';
import { hostTensor, readHostMatrix, type SavedProgress, type SavedTensors, type StateTensor } from '../part/state.ts';

/** A tensor of the state: `method/other/….lora_B`. */
const nameOf = (layer: string): string => `method/other/${adapterName(layer, 'lora_B')}`;

/**
 * Merges the adapters of all tasks into one (docs/method.md, eq. (36)): A is the last trained one, and B moves towards
 * each task's by a weight that falls with the number of tasks. The learner's adapters are the pair in training within a
 * task, and the merged pair between tasks; this part holds the other B: the merged one within a task, the one last trained
 * between tasks.
 */
export class Merging implements Part {
  readonly #groups: readonly LoraGroup[];
  readonly #others = new Map<string, Matrix>();

  constructor(groups: readonly LoraGroup[]) {
    this.#groups = groups;
  }

  get #layers(): { layer: string; adapters: LoraGroup['adapters'] }[] {
    return this.#groups.flatMap(({ layers, adapters }) => layers.names.map((layer) => ({ layer, adapters })));
  }

  /**
   * From the second task on: A ← Qᵀ of the QR decomposition of the last Aᵀ, whose R has a positive diagonal, so that rows
   * keep their direction; B ← the last trained B.
   */
  async beginTask({ task }: TaskOf): Promise<void> {
    if (task === 1) return;
    for (const { layer, adapters } of this.#layers) {
      const { A, B } = adapters;
      const trained = this.#others.get(layer);
      if (trained === undefined) throw new Error(`the last trained B of ${layer} is not known`);
      this.#others.set(layer, await readOne(B, layer));
      const rows = await readOne(A, layer);
      orthonormaliseRows(rows);
      A.write(layer, rows);
      B.write(layer, trained);
    }
  }

  async endTask({ task }: EndedTask): Promise<[]> {
    const weight = mergingWeight(task);
    for (const { layer, adapters } of this.#layers) {
      const { B } = adapters;
      const trained = await readOne(B, layer);
      const merged = this.#others.get(layer);
      this.#others.set(layer, trained);
      if (merged === undefined) continue;
      const data = trained.data.map((value, i) => merged.data[i] + weight * (value - merged.data[i]));
      B.write(layer, { ...trained, data });
    }
    return [];
  }

  get storedBytes(): number {
    return 4 * this.#numbers;
  }

  get #numbers(): number {
    return this.#layers.reduce((sum, { adapters: { B } }) => sum + B.rows * B.columns, 0);
  }

  savedBytes(): number {
    return 4 * this.#numbers;
  }

  hostBytes(): number {
    return 8 * this.#numbers;
  }

  state(): StateTensor[] {
    return [...this.#others].map(([layer, B]) => hostTensor(nameOf(layer), B));
  }

  async restore(saved: SavedTensors, { task, training }: SavedProgress): Promise<void> {
    if (task === 0 || (training && task === 1)) return;
    for (const { layer, adapters } of this.#layers) {
      this.#others.set(layer, await readHostMatrix(saved, nameOf(layer), adapters.B.rows));
    }
  }
}

const readOne = async (stack: LoraGroup['adapters']['A'], layer: string): Promise<Matrix> =>
  matrix(stack.rows, stack.columns, Float64Array.from(await stack.readOne(layer)));
