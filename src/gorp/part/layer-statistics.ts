import type { BufferRange, OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { plainTensor, storageOf, storeTensor, type Tensor } from '../../graph/tensor.ts';
import type { Energies } from '../../linear-algebra/block-power.ts';
import { type DeviceTensor, restoreTensors, type SavedProgress, type SavedTensors, type StateOwner } from './state.ts';
import { type GroupSpace, type LayerGroup, slice } from './trainable-group.ts';
import type { SpaceMeters } from './update.ts';

/** Trained tensors of layers of one shape, whose gradients are measured. */
export interface MeasuredGroup {
  readonly part: 'lora' | 'full-rank';
  readonly layers: LayerGroup;
  /** Number of gradients of a layer: of A and B, or of W. */
  readonly gradients: 1 | 2;
  readonly space: GroupSpace | undefined;
}

/**
 * Statistics of a layer in one step. Shares are measured at every refresh of the projection basis and in a task's
 * second step; other steps repeat the last measurement.
 */
export interface LayerStatistics {
  /** Hugging Face name of the layer. */
  name: string;
  part: 'lora' | 'full-rank';
  /** Norm of its gradient before clipping; for adapters, of A and B together. */
  gradientNorm: number;
  /** Share of the gradient's energy that was projected away; null without a space or a gradient. */
  projectedAway: number | null;
  /** Share of the update's energy that still falls in the shared space; null without a space or an update. */
  leakage: number | null;
}

// Alignment, in floats, of each stack's part of a shared buffer, so that each can be bound.
const PLACE = 64;

const places = (count: number): number => Math.ceil(count / PLACE) * PLACE;

/** The energies of a step on the GPU, one number per trained tensor in each buffer, and the statistics from them. */
export class Meters implements StateOwner {
  /** ‖G‖² of every tensor. Adapters have two places: first all A, then all B. */
  readonly squares: Tensor;
  readonly #space: SpaceMeters;
  readonly #first = new Map<MeasuredGroup, number>();
  readonly #owned: OwnedBuffer[] = [];
  readonly #device: Device;
  /** Places of further tensors, which have no statistics of their own. */
  readonly #others: number[] = [];

  /** @param others number of further tensors whose gradients count. */
  constructor(device: Device, groups: readonly MeasuredGroup[], others = 0) {
    this.#device = device;
    let total = 0;
    for (const group of groups) {
      this.#first.set(group, total);
      total += places(group.layers.names.length) * group.gradients;
    }
    for (let i = 0; i < others; i++) {
      this.#others.push(total);
      total += PLACE;
    }
    const vector = (name: string): Tensor => {
      const tensor = storeTensor(device, plainTensor(name, [Math.max(1, total)]), 'inputs');
      this.#owned.push(tensor.storage.buffer);
      return tensor;
    };
    this.squares = vector('squared gradient norms');
    this.#space = {
      before: vector('energy before'),
      after: vector('energy after'),
      update: vector('energy of updates'),
      leaked: vector('energy leaked'),
    };
  }

  /** Where the energies of a full-rank layer's gradient go, before and after projecting its part in a space away. */
  energiesOf(layer: string): Energies {
    const { before, after } = this.#space;
    return { before, after, index: this.placeOf(layer) };
  }

  /** Place of a full-rank layer in every buffer. */
  placeOf(layer: string): number {
    for (const [group, first] of this.#first) {
      const i = group.part === 'lora' ? -1 : group.layers.names.indexOf(layer);
      if (i >= 0) return first + i;
    }
    throw new Error(`${layer} is not trained full-rank`);
  }

  /** The buffers of a step to read, in the order that {@link statistics} expects. */
  get sources(): BufferRange[] {
    const { before, after, update, leaked } = this.#space;
    return [this.squares, before, after, update, leaked].map(storageOf);
  }

  /** Places of a group's gradient energies: of A and B, or of W. */
  squaresOf(group: MeasuredGroup): Tensor[] {
    const count = places(group.layers.names.length);
    return Array.from({ length: group.gradients }, (_, i) => this.#part(this.squares, group, i * count));
  }

  /** Places of the gradient energies of the further tensors. */
  get squaresOfOthers(): Tensor[] {
    return this.#others.map((first) => slice(this.squares.name, storageOf(this.squares), first, 1));
  }

  spaceMetersOf(group: MeasuredGroup): SpaceMeters {
    const { before, after, update, leaked } = this.#space;
    const part = (t: Tensor): Tensor => this.#part(t, group);
    return { before: part(before), after: part(after), update: part(update), leaked: part(leaked) };
  }

  #part(whole: Tensor, group: MeasuredGroup, further = 0): Tensor {
    const first = (this.#first.get(group) ?? 0) + further;
    return slice(whole.name, storageOf(whole), first, group.layers.names.length);
  }

  /** The statistics of every layer from the numbers of a step. */
  statistics([squares, before, after, update, leaked]: readonly Float32Array[]): LayerStatistics[] {
    return [...this.#first].flatMap(([group, first]) => {
      const { names } = group.layers;
      const hasSpace = group.space?.isActive === true;
      const isLora = group.part === 'lora';
      return names.map((name, i): LayerStatistics => {
        const at = first + i;
        const energy = squares[at] + (isLora ? squares[at + places(names.length)] : 0);
        return {
          name,
          part: group.part,
          gradientNorm: Math.sqrt(energy),
          projectedAway: hasSpace ? share(before[at] - after[at], before[at]) : null,
          leakage: hasSpace ? share(leaked[at], update[at]) : null,
        };
      });
    });
  }

  /** The values that steps between two measurements repeat; a task's first step measures. */
  state(training: boolean): DeviceTensor[] {
    if (!training) return [];
    const { before, after, update, leaked } = this.#space;
    return [before, after, update, leaked].map(({ name, elements, storage }) => {
      const range = storage as BufferRange;
      return {
        name,
        place: 'step',
        dtype: 'F32',
        rows: 1,
        columns: elements,
        read: async () => new Float32Array(await this.#device.read(range), 0, elements),
        write: (values) => this.#device.write(range.buffer, range.offset, values),
      };
    });
  }

  restore(saved: SavedTensors, { training }: SavedProgress): Promise<void> {
    return restoreTensors(this.state(training), saved);
  }

  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
  }
}

/** The share of a part; null if the whole is 0. Rounding can leave a little less than 0. */
const share = (part: number, whole: number): number | null => (whole > 0 ? Math.max(0, part / whole) : null);
