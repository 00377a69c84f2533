import type { BufferPurpose } from '../../base/buffer-purpose.ts';
import type { BufferRange, OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { StackShape } from '../../graph/ops/optimizer.ts';
import { plainTensor, type StoredTensor, storeTensor, type Tensor } from '../../graph/tensor.ts';
import { type Matrix, matrix } from '../../linear-algebra/matrix.ts';
import type { DeviceTensor, StatePlace } from './state.ts';

// A part of a buffer can be bound only at a multiple of 256 bytes.
const ALIGNMENT_FLOATS = 64;

/**
 * n matrices of one shape in one buffer, so that one dispatch serves all layers. Each begins at a multiple of 256
 * bytes, so that a single one can be bound too; the gaps between them are never read.
 */
export class Stack {
  readonly #device: Device;
  readonly shape: StackShape;
  /** All matrices as one tensor [n, rows, columns], `shape.stride` elements apart. */
  readonly tensor: StoredTensor;

  /** @param purpose how its memory is counted. */
  constructor(
    device: Device,
    purpose: BufferPurpose,
    readonly label: string,
    readonly names: readonly string[],
    readonly rows: number,
    readonly columns: number,
  ) {
    this.#device = device;
    const size = rows * columns;
    const stride = Math.max(1, Math.ceil(size / ALIGNMENT_FLOATS)) * ALIGNMENT_FLOATS;
    this.shape = { count: names.length, size, stride };
    const tensor = plainTensor(label, [names.length, rows, columns]);
    this.tensor = storeTensor(device, { ...tensor, elements: names.length * stride }, purpose);
  }

  get #buffer(): OwnedBuffer {
    return this.tensor.storage.buffer;
  }

  /** The range of one matrix. */
  range(name: string): BufferRange {
    const index = this.names.indexOf(name);
    if (index < 0) throw new Error(`${this.label} does not hold ${name}`);
    const bytes = Math.max(16, Math.ceil(this.shape.size / 4) * 16);
    return { buffer: this.#buffer, offset: index * this.shape.stride * 4, bytes };
  }

  /** One matrix, or its first rows, as a tensor. */
  view(name: string, trainable: boolean, rows = this.rows): Tensor {
    return { ...plainTensor(name, [rows, this.columns]), trainable, storage: this.range(name) };
  }

  /** The first rows of every matrix as one tensor [n, rows, columns], with the stride of the matrices. */
  leadingRows(rows: number): Tensor {
    return { ...this.tensor, shape: [this.names.length, rows, this.columns] };
  }

  /** Overwrites one matrix. */
  write(name: string, values: Float32Array<ArrayBuffer> | Matrix): void {
    const data = 'data' in values ? Float32Array.from(values.data) : values;
    const { buffer, offset } = this.range(name);
    this.#device.write(buffer, offset, data);
  }

  /** Sets every matrix to zero. */
  clear(): void {
    this.#device.clear(this.#buffer);
  }

  /** All matrices, read back at once, in the order of their names; waits for the device. */
  async readAll(): Promise<Float32Array<ArrayBuffer>[]> {
    const bytes = await this.#device.read({ buffer: this.#buffer, offset: 0, bytes: this.#buffer.bytes });
    const { stride, size } = this.shape;
    return this.names.map((_, i) => new Float32Array(bytes, i * stride * 4, size));
  }

  /** Reads all matrices back, by the name of their layer; waits for the device. */
  async read(): Promise<Map<string, Matrix>> {
    const all = await this.readAll();
    return new Map(this.names.map((name, i) => [name, matrix(this.rows, this.columns, all[i])]));
  }

  /** One matrix, read back; waits for the GPU. */
  async readOne(name: string): Promise<Float32Array<ArrayBuffer>> {
    return new Float32Array(await this.#device.read(this.range(name)), 0, this.shape.size);
  }

  /** Every matrix, to save and restore. @param nameOf its name in the state, if it is not of this stack alone. */
  parts(place: StatePlace = 'step', nameOf = (name: string): string => `${this.label}/${name}`): DeviceTensor[] {
    const { rows, columns } = this;
    return this.names.map((name) => ({
      name: nameOf(name),
      place,
      dtype: 'F32',
      rows,
      columns,
      read: () => this.readOne(name),
      write: (values) => this.write(name, values),
    }));
  }

  destroy(): void {
    this.#buffer.destroy();
  }
}
