import type { Device } from '../../device/device.ts';
import { type Matrix, matrix, single, transpose } from '../../linear-algebra/matrix.ts';
import type { MomentSpacePlan } from '../part/method-plan.ts';
import { Stack } from '../part/stack.ts';
import { type DeviceTensor, hostTensor, readHostMatrix, type SavedTensors, type StateTensor } from '../part/state.ts';
import {
  directionsToSave,
  type GroupSpace,
  type MomentPair,
  savedDirections,
  spaceName,
} from '../part/trainable-group.ts';
import { BasisSpace, type ExcludedSpace, type Side, type SpaceMeters } from '../part/update.ts';

/** The matrices that a space acts on. */
interface SpaceTarget {
  readonly names: readonly string[];
  /** Shape of the matrices as Adam sees them. */
  readonly rows: number;
  readonly columns: number;
  readonly side: Side;
  /** Label of the first moments with nothing projected away. */
  readonly unprojected: string;
}

/**
 * The shared spaces of the tensors of a group, built from Adam's first moments: on the host while they grow, on the
 * device for the task in training.
 */
export class MomentSpace implements GroupSpace {
  readonly #device: Device;
  readonly #project: MomentSpacePlan['project'];
  readonly names: readonly string[];
  readonly dimension: number;
  /** The side of the projected matrices on which S acts. */
  readonly side: Side;

  /** S [dimension, k] of each tensor, as the f32 values of the device; absent before the first task. */
  readonly spaces = new Map<string, Matrix>();
  /** Main directions [dimension, ≤ 16] of each learned task, by tensor, to compare tasks. */
  readonly directions = new Map<string, Matrix[]>();
  #onDevice: Stack | undefined;
  /** Adam's first moments as they would be with nothing projected away. */
  readonly #unprojected: Stack;

  constructor(device: Device, plan: MomentSpacePlan, { names, rows, columns, side, unprojected }: SpaceTarget) {
    this.#device = device;
    this.#project = plan.project;
    this.names = names;
    this.dimension = side === 'rows' ? rows : columns;
    this.side = side;
    this.#unprojected = new Stack(device, 'spaces', unprojected, names, rows, columns);
  }

  beginTask(): void {
    this.upload();
    this.#unprojected.clear();
  }

  /** S on the device [n, dimension, k]; undefined while all are empty. */
  get S(): Stack | undefined {
    return this.#onDevice;
  }

  get isActive(): boolean {
    return this.#onDevice !== undefined;
  }

  excluded(meters: SpaceMeters | undefined): ExcludedSpace | undefined {
    if (this.#onDevice === undefined) return undefined;
    const space = new BasisSpace(this.#onDevice.tensor, this.side);
    return { space, project: this.#project, meters, unprojected: this.#unprojected.tensor };
  }

  /**
   * First moments, transposed where needed so that their columns are vectors of the space: Adam's own, and as they would
   * be with nothing projected away. Waits for the device.
   */
  async moments(m: Stack): Promise<MomentPair[]> {
    const moments = await m.read();
    const others = this.isActive ? await this.#unprojected.read() : moments;
    const turn = (x: Matrix | undefined): Matrix => (this.side === 'columns' ? transpose(x as Matrix) : (x as Matrix));
    return m.names.map((name) => ({ name, moment: turn(moments.get(name)), unprojected: turn(others.get(name)) }));
  }

  /** Uploads the current spaces; narrower ones are padded with zero columns. */
  upload(): void {
    this.#onDevice?.destroy();
    this.#onDevice = undefined;
    const widest = Math.max(0, ...[...this.spaces.values()].map((S) => S.columns));
    if (widest === 0) return;
    this.#onDevice = this.#stack(widest);
    for (const [name, S] of this.spaces) {
      const padded = matrix(this.dimension, widest);
      for (let i = 0; i < S.rows; i++) {
        padded.data.set(S.data.subarray(i * S.columns, (i + 1) * S.columns), i * widest);
      }
      this.#onDevice.write(name, padded);
    }
  }

  #stack(columns: number): Stack {
    return new Stack(this.#device, 'spaces', 'shared space', this.names, this.dimension, columns);
  }

  /** Allocates memory for spaces of this many directions each without writing to it, for a memory plan. */
  reserve(directions: number): void {
    this.#onDevice?.destroy();
    const widest = Math.min(directions, this.dimension);
    this.#onDevice = widest === 0 ? undefined : this.#stack(widest);
  }

  state(): StateTensor[] {
    return [
      ...[...this.spaces].map(([name, S]) => hostTensor(spaceName(name), S)),
      ...directionsToSave(this.directions),
    ];
  }

  async restore(saved: SavedTensors, tasks: number): Promise<void> {
    if (tasks === 0) return;
    for (const name of this.names) {
      // Earlier versions saved it in f64.
      this.spaces.set(name, single(await readHostMatrix(saved, spaceName(name), this.dimension)));
      this.directions.set(name, await savedDirections(saved, name, this.dimension, tasks));
    }
    this.upload();
  }

  parts(): DeviceTensor[] {
    return this.#unprojected.parts();
  }

  destroy(): void {
    this.#onDevice?.destroy();
    this.#unprojected.destroy();
  }
}
