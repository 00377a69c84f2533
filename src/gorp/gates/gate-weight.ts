import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { squares } from '../../graph/ops/optimizer.ts';
import { plainTensor, storeTensor, type Tensor } from '../../graph/tensor.ts';
import { type Matrix, single } from '../../linear-algebra/matrix.ts';
import { Stack } from '../part/stack.ts';
import {
  type DeviceTensor,
  hostTensor,
  readHostMatrix,
  readSaved,
  restoreTensors,
  type SavedProgress,
  type SavedTensors,
  type StateTensor,
} from '../part/state.ts';
import { LORA_RATE, Moments, type UpdateContext } from '../part/trainable-group.ts';
import { BasisSpace, recordStep } from '../part/update.ts';

/** The only matrix of a stack of gates. */
const GATE = 'gate';

/** Names of a part of all gates, and of the space of what it reads, in a state. */
const gateTensor = (part: string): string => `gate/${part}`;
const gateSpace = (part: string): string => `gate/space/${part}`;

/** One weight of all gates: trained for the current task, frozen for earlier ones; with the space of what it reads. */
export class GateWeight {
  readonly #device: Device;
  readonly weight: Stack;
  readonly gradient: Stack;
  readonly moments: Moments;
  /** Of earlier tasks, on the host. */
  readonly #previous: Float32Array<ArrayBuffer>[] = [];
  #previousOnDevice: Tensor | undefined;
  #owned: OwnedBuffer[] = [];
  /** S [columns, k]; null before the first task has ended. */
  space: Matrix | null = null;
  #spaceOnDevice: Stack | undefined;

  constructor(
    device: Device,
    readonly name: string,
    readonly rows: number,
    readonly columns: number,
  ) {
    this.#device = device;
    this.weight = new Stack(device, 'trained', `gate ${name}`, [GATE], rows, columns);
    this.gradient = new Stack(device, 'trained', `gradient of gate ${name}`, [GATE], rows, columns);
    this.moments = new Moments(device, `gate ${name}`, [GATE], rows, columns);
  }

  /** The trained weight [rows, columns], and its place for a gradient. */
  view(trainable: boolean): { weight: Tensor; gradient: Tensor } {
    return { weight: this.weight.view(GATE, trainable), gradient: this.gradient.view(GATE, false) };
  }

  /** The weights of earlier tasks, [tasks, rows, columns]; undefined in the first. */
  get previous(): Tensor | undefined {
    return this.#previousOnDevice;
  }

  write(values: Float32Array<ArrayBuffer> | Matrix): void {
    this.weight.write(GATE, values);
  }

  read(): Promise<Float32Array<ArrayBuffer>> {
    return this.weight.readOne(GATE);
  }

  /** Freezes the trained weight. */
  async freeze(): Promise<void> {
    this.#previous.push(await this.read());
    this.#uploadPrevious();
  }

  #uploadPrevious(): void {
    const tensor = this.#placePrevious(this.#previous.length);
    if (tensor?.storage === undefined) return;
    for (const [task, values] of this.#previous.entries()) {
      this.#device.write(tensor.storage.buffer, task * values.byteLength, values);
    }
  }

  #placePrevious(tasks: number): Tensor | undefined {
    this.#destroyPrevious();
    if (tasks === 0) return undefined;
    const shape = [tasks, this.rows, this.columns];
    const tensor = storeTensor(this.#device, plainTensor(`earlier gates ${this.name}`, shape), 'trained');
    this.#owned.push(tensor.storage.buffer);
    this.#previousOnDevice = tensor;
    return tensor;
  }

  /** Starts a task: moments at zero, and the space of earlier tasks on the device. */
  beginTask(): void {
    this.moments.clear();
    this.uploadSpace();
  }

  uploadSpace(): void {
    this.#placeSpace(this.space?.columns ?? 0)?.write(GATE, this.space as Matrix);
  }

  #placeSpace(directions: number): Stack | undefined {
    this.#spaceOnDevice?.destroy();
    this.#spaceOnDevice =
      directions === 0
        ? undefined
        : new Stack(this.#device, 'spaces', `space of gate ${this.name}`, [GATE], this.columns, directions);
    return this.#spaceOnDevice;
  }

  /** Takes memory as for this many earlier tasks and directions, and writes nothing to it. */
  reserve(tasks: number, directions: number): void {
    this.#placePrevious(tasks);
    this.#placeSpace(Math.min(directions, this.columns));
  }

  recordSquares(g: Graph, into: Tensor): void {
    squares(g, this.gradient.tensor, this.gradient.shape, into);
  }

  /** A step whose gradient and update lie outside the space: docs/method.md, eq. (33). */
  recordUpdate({ g, clip, rates }: Omit<UpdateContext, 'meters'>): void {
    const step = { gradient: this.gradient.tensor, into: this.weight.tensor, shape: this.weight.shape };
    const S = this.#spaceOnDevice?.tensor;
    const excluded = S && { space: new BasisSpace(S, 'columns'), project: 'update' as const };
    recordStep(g, step, this.moments.state(clip, rates, LORA_RATE), excluded);
  }

  /** The weights of all tasks so far, one below the other. */
  state(training: boolean): StateTensor[] {
    const { rows, columns } = this;
    const read = async (): Promise<Float32Array<ArrayBuffer>> => {
      const all = new Float32Array((this.#previous.length + 1) * rows * columns);
      for (const [task, values] of [...this.#previous, await this.read()].entries())
        all.set(values, task * rows * columns);
      return all;
    };
    const all: StateTensor = {
      name: gateTensor(this.name),
      place: training ? 'step' : 'earlier',
      dtype: 'F32',
      read,
      rows: (this.#earlier + 1) * rows,
      columns,
    };
    const space = this.space ? [hostTensor(gateSpace(this.name), this.space)] : [];
    return [all, ...space, ...(training ? this.#ofStep() : [])];
  }

  /** Number of earlier gates, also if they are only reserved. */
  get #earlier(): number {
    return this.#previousOnDevice?.shape[0] ?? this.#previous.length;
  }

  #ofStep(): DeviceTensor[] {
    return this.moments.parts();
  }

  async restore(saved: SavedTensors, { task, training }: SavedProgress): Promise<void> {
    const { rows, columns } = this;
    const tasks = Math.max(1, task);
    const all = await readSaved(saved, { name: gateTensor(this.name), rows: tasks * rows, columns });
    const one = (at: number): Float32Array<ArrayBuffer> => all.slice(at * rows * columns, (at + 1) * rows * columns);
    for (let at = 0; at < tasks - 1; at++) this.#previous.push(one(at));
    this.#uploadPrevious();
    this.write(one(tasks - 1));
    const ended = training ? task - 1 : task;
    if (ended > 0) this.space = single(await readHostMatrix(saved, gateSpace(this.name), columns));
    if (!training) return;
    this.uploadSpace();
    await restoreTensors(this.#ofStep(), saved);
  }

  #destroyPrevious(): void {
    for (const buffer of this.#owned) buffer.destroy();
    this.#owned = [];
    this.#previousOnDevice = undefined;
  }

  destroy(): void {
    this.weight.destroy();
    this.gradient.destroy();
    this.moments.destroy();
    this.#destroyPrevious();
    this.#spaceOnDevice?.destroy();
  }
}
