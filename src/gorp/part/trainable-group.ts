import type { BufferRange } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import type { AdamState } from '../../graph/ops/optimizer.ts';
import { plainTensor, type Tensor } from '../../graph/tensor.ts';
import type { Matrix } from '../../linear-algebra/matrix.ts';
import { Stack } from './stack.ts';
import { type DeviceTensor, hostTensor, readHostMatrix, type SavedTensors, type StateTensor } from './state.ts';
import type { ExcludedSpace, SpaceMeters } from './update.ts';

/** Layers of one shape that are trained the same way. */
export interface LayerGroup {
  readonly names: readonly string[];
  readonly out: number;
  readonly inputs: number;
}

/**
 * The layers that match a pattern, grouped by shape.
 *
 * @param shapes parameters by name; those ending in `.weight` with two dimensions are layers.
 * @param limit maximum bytes of the f32 matrices of a group, which share a buffer.
 */
export function layerGroups(
  shapes: ReadonlyMap<string, readonly number[]>,
  pattern: RegExp,
  limit = Infinity,
): LayerGroup[] {
  const open = new Map<string, { names: string[]; out: number; inputs: number }>();
  const groups: LayerGroup[] = [];
  for (const [parameter, [out, inputs]] of shapes) {
    const name = parameter.replace(/\.weight$/, '');
    if (name === parameter || !pattern.test(name)) continue;
    const key = `${out}×${inputs}`;
    const matrixBytes = Math.ceil((out * inputs) / 64) * 256; // aligned, so that each can be bound
    let group = open.get(key);
    if (group === undefined || (group.names.length + 1) * matrixBytes > limit) {
      group = { names: [], out, inputs };
      open.set(key, group);
      groups.push(group);
    }
    group.names.push(name);
  }
  return groups;
}

/** Places of the step sizes in the tensor of learning rates: of adapters, and of full-rank weights. */
export const LORA_RATE = 0;
export const FULL_RANK_RATE = 1;

/** A tensor [n] inside a shared buffer, by position. */
export function slice(name: string, whole: BufferRange, first: number, count: number): Tensor {
  const storage = { buffer: whole.buffer, offset: whole.offset + first * 4, bytes: Math.ceil(count / 4) * 16 };
  return { ...plainTensor(name, [count]), storage };
}

/** Adam's moments of a stack of (possibly compressed) gradients, fresh at the start of each task. */
export class Moments {
  readonly m: Stack;
  readonly v: Stack;

  constructor(device: Device, label: string, names: readonly string[], rows: number, columns: number) {
    this.m = new Stack(device, 'optimizer', `${label} first moment`, names, rows, columns);
    this.v = new Stack(device, 'optimizer', `${label} second moment`, names, rows, columns);
  }

  state(clip: Tensor, rates: Tensor, index: number): AdamState {
    return { m: this.m.tensor, v: this.v.tensor, clip, rates, index };
  }

  clear(): void {
    this.m.clear();
    this.v.clear();
  }

  parts(): DeviceTensor[] {
    return [...this.m.parts(), ...this.v.parts()];
  }

  destroy(): void {
    this.m.destroy();
    this.v.destroy();
  }
}

/** The shared space of a group of tensors, as its trainer sees it. A space that others own has no state here. */
export interface GroupSpace {
  readonly names: readonly string[];
  /** Size of the side on which the space acts. */
  readonly dimension: number;
  /** Whether there is something to exclude: not in the first task. */
  readonly isActive: boolean;
  beginTask?(): void;
  /** Returns the space that an update program excludes; undefined while there is none. */
  excluded(meters: SpaceMeters | undefined): ExcludedSpace | undefined;
  /** Returns the tensors of the spaces of this group alone that the next task needs. */
  state?(): StateTensor[];
  /** @param tasks learned so far. @throws GorpError `run/state-does-not-fit`. */
  restore?(saved: SavedTensors, tasks: number): Promise<void>;
  /** The state on the device that a step needs besides. */
  parts?(): DeviceTensor[];
  destroy?(): void;
}

/** Names in a state. Tasks count from 1. */
export const spaceName = (tensor: string): string => `space/${tensor}`;
const directionsName = (tensor: string, task: number): string => `directions_${task}/${tensor}`;

/** Main directions of each learned task, by tensor or input, to save: values of f32. */
export const directionsToSave = (directions: ReadonlyMap<string, readonly Matrix[]>): StateTensor[] =>
  [...directions].flatMap(([name, tasks]) => tasks.map((one, i) => hostTensor(directionsName(name, i + 1), one)));

/** Reads the main directions of each learned task from a saved state. @param tasks learned so far. @throws GorpError `run/state-does-not-fit`. */
export async function savedDirections(
  saved: SavedTensors,
  name: string,
  dimension: number,
  tasks: number,
): Promise<Matrix[]> {
  const directions: Matrix[] = [];
  for (let task = 1; task <= tasks; task++) {
    directions.push(await readHostMatrix(saved, directionsName(name, task), dimension));
  }
  return directions;
}

/** The tensors that the update programs of all groups share. */
export interface UpdateContext {
  readonly g: Graph;
  readonly clip: Tensor;
  readonly rates: Tensor;
  /** Buffers for the energies of this group; undefined if they are not measured. */
  readonly meters: SpaceMeters | undefined;
}

/** First moments of a tensor, whose columns are vectors of its space. */
export interface MomentPair {
  readonly name: string;
  /** Adam's own, without its part in the space so far. */
  readonly moment: Matrix;
  /** With nothing projected away. The same without a space. */
  readonly unprojected: Matrix;
}
