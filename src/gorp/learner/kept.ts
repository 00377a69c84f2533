import type { Copy, Device } from '../../device/device.ts';
import { Stack } from '../stack.ts';
import { type DeviceTensor, restoreTensors, type SavedProgress, type SavedTensors, type StateOwner } from '../state.ts';

/** Matrices that train, and their copy. */
interface Pair {
  readonly trained: Stack;
  readonly copy: Stack;
}

/**
 * The trained matrices of a model as they were after an earlier step of its task, on the device beside those in
 * training. They are part of a saved state, so a resumed task can still go back to them.
 */
export class KeptWeights implements StateOwner {
  readonly #device: Device;
  readonly #pairs: readonly Pair[];
  /** Whether there is a copy, and whether projections held unmerged changes when it was made; null without one. */
  #unmerged: boolean | null = null;
  #takes = 0;

  /** @param trained all matrices that steps change and forward passes read. */
  constructor(device: Device, trained: readonly Stack[]) {
    this.#device = device;
    this.#pairs = trained.map((stack) => {
      const { label, names, rows, columns } = stack;
      return { trained: stack, copy: new Stack(device, 'optimizer', `kept ${label}`, names, rows, columns) };
    });
  }

  /** Keeps the matrices as they are now, in place of those kept before. */
  async keep(isUnmerged: boolean): Promise<void> {
    await this.#copy(({ trained, copy }) => [trained, copy]);
    this.#unmerged = isUnmerged;
  }

  /** Takes the kept matrices back, once. @returns whether projections hold unmerged changes again; null if none were kept. */
  async takeBack(): Promise<boolean | null> {
    const unmerged = this.#unmerged;
    if (unmerged === null) return null;
    await this.#copy(({ trained, copy }) => [copy, trained]);
    this.#takes++;
    this.forget();
    return unmerged;
  }

  /** How often weights were taken back: with the number of steps, it tells versions of them apart. */
  get takes(): number {
    return this.#takes;
  }

  #copy(direction: (pair: Pair) => readonly [from: Stack, to: Stack]): Promise<void> {
    const copies = this.#pairs.map((pair): Copy => {
      const [from, to] = direction(pair).map(({ tensor }) => tensor.storage.buffer);
      return { from, fromOffset: 0, to, toOffset: 0, bytes: from.bytes };
    });
    return this.#device.run([], copies);
  }

  /** What was kept belongs to the task that has ended. */
  forget(): void {
    this.#unmerged = null;
  }

  /** What {@link SavedProgress.kept} says of it. */
  get progress(): Pick<SavedProgress, 'kept'> {
    return this.#unmerged === null ? {} : { kept: { isUnmerged: this.#unmerged } };
  }

  state(): DeviceTensor[] {
    return this.#unmerged === null ? [] : this.tensors;
  }

  /** The kept matrices, to save and restore, or if there are none, the places for them. */
  get tensors(): DeviceTensor[] {
    return this.#pairs.flatMap(({ copy }) => copy.parts());
  }

  async restore(saved: SavedTensors, { kept }: SavedProgress): Promise<void> {
    if (kept === undefined) return;
    this.#unmerged = kept.isUnmerged;
    await restoreTensors(this.state(), saved);
  }

  destroy(): void {
    for (const { copy } of this.#pairs) copy.destroy();
  }
}
