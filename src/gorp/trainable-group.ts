import type { Device } from '../device/device.ts';
import type { BufferRange } from '../device/buffers.ts';
import type { Graph } from '../graph/graph.ts';
import type { AdamState } from '../graph/ops/optimizer.ts';
import { plainTensor, type Tensor } from '../graph/tensor.ts';
import { type Matrix, matrix, transpose } from './matrix.ts';
import type { SpacePlan } from './method-plan.ts';
import { growSoftSpace } from './soft-space.ts';
import { growSpace, growSpaceFromCovariance, type SpaceGrowth } from './space.ts';
import { Stack } from './stack.ts';
import { type DeviceTensor, hostTensor, readHostMatrix, type SavedTensors, type StateTensor } from './state.ts';
import type { Side, SpaceMeters, StackSpace } from './update.ts';

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

/** Names in a state. Tasks count from 1. */
const spaceName = (tensor: string): string => `space/${tensor}`;
const directionsName = (tensor: string, task: number): string => `directions_${task}/${tensor}`;

/** The shared spaces of the tensors of a group: on the host while they grow, on the GPU for the task in training. */
export class GroupSpace {
  readonly #device: Device;

  /** S [dimension, k] of each tensor; absent before the first task. */
  readonly spaces = new Map<string, Matrix>();
  /** Main directions [dimension, ≤ 16] of each learned task, by tensor, to compare tasks. */
  readonly directions = new Map<string, Matrix[]>();
  #onGpu: Stack | undefined;

  /**
   * @param dimension size of the side on which S acts.
   * @param side that side of the projected matrices.
   */
  constructor(
    device: Device,
    readonly names: readonly string[],
    readonly dimension: number,
    readonly side: Side,
  ) {
    this.#device = device;
  }

  /** Uploads the current spaces to the GPU; narrower ones are padded with zero columns. */
  upload(): void {
    this.#onGpu?.destroy();
    this.#onGpu = undefined;
    const widest = Math.max(0, ...[...this.spaces.values()].map((S) => S.columns));
    if (widest === 0) return;
    this.#onGpu = new Stack(this.#device, 'spaces', 'shared space', this.names, this.dimension, widest);
    for (const [name, S] of this.spaces) {
      const padded = matrix(this.dimension, widest);
      for (let i = 0; i < S.rows; i++) {
        padded.data.set(S.data.subarray(i * S.columns, (i + 1) * S.columns), i * widest);
      }
      this.#onGpu.write(name, padded);
    }
  }

  /** Allocates memory for spaces of this many directions each without writing to it, for a memory plan. */
  reserve(directions: number): void {
    this.#onGpu?.destroy();
    const widest = Math.min(directions, this.dimension);
    this.#onGpu =
      widest === 0 ? undefined : new Stack(this.#device, 'spaces', 'shared space', this.names, this.dimension, widest);
  }

  /** The spaces and directions of earlier tasks. */
  state(): StateTensor[] {
    return [
      ...[...this.spaces].map(([name, S]) => hostTensor(spaceName(name), S)),
      ...[...this.directions].flatMap(([name, tasks]) =>
        tasks.map((one, i) => hostTensor(directionsName(name, i + 1), one)),
      ),
    ];
  }

  /** @param tasks learned so far. @throws GorpError `run/state-does-not-fit`. */
  async restore(saved: SavedTensors, tasks: number): Promise<void> {
    if (tasks === 0) return;
    for (const name of this.names) {
      this.spaces.set(name, await readHostMatrix(saved, spaceName(name), this.dimension));
      const directions: Matrix[] = [];
      for (let task = 1; task <= tasks; task++) {
        directions.push(await readHostMatrix(saved, directionsName(name, task), this.dimension));
      }
      this.directions.set(name, directions);
    }
  }

  /** The spaces for an update program; undefined while they are empty. */
  get stackSpace(): StackSpace | undefined {
    return this.#onGpu && { S: this.#onGpu.tensor, side: this.side };
  }

  /** The space of one tensor, [dimension, k], for programs that treat tensors one by one. */
  viewOf(name: string): Tensor | undefined {
    return this.#onGpu?.view(name, false);
  }

  /** The space of a tensor, grown by a task's first moment, whose columns are vectors of the space. */
  grownFromMoment(name: string, moment: Matrix, threshold: number, rule: 'paper' | 'official'): SpaceGrowth {
    return growSpace({ space: this.spaces.get(name) ?? null, moment, threshold, rule });
  }

  /** The space of a tensor, grown by the covariance of its layer's inputs; a soft one if `softness` is not 0. */
  grownFromCovariance(
    name: string,
    covariance: Matrix,
    plan: Pick<SpacePlan, 'threshold' | 'softness' | 'energies' | 'energyOf'>,
    task: number,
  ): SpaceGrowth {
    const space = this.spaces.get(name) ?? null;
    const { threshold, softness, energyOf } = plan;
    if (energyOf === 'covariances') return growSpace({ space, moment: covariance, threshold, rule: 'paper' });
    return softness > 0
      ? growSoftSpace(space, covariance, plan, task)
      : growSpaceFromCovariance(space, covariance, threshold);
  }

  destroy(): void {
    this.#onGpu?.destroy();
  }
}

/** What the update programs of all groups share. */
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

/** Reads moments back, transposed if vectors of the space are rows; waits for the GPU. */
export async function pairMoments(m: Stack, unprojected: Stack | undefined, turned: boolean): Promise<MomentPair[]> {
  const moments = await m.read();
  const others = unprojected ? await unprojected.read() : moments;
  const turn = (x: Matrix | undefined): Matrix => (turned ? transpose(x as Matrix) : (x as Matrix));
  return m.names.map((name) => ({ name, moment: turn(moments.get(name)), unprojected: turn(others.get(name)) }));
}
