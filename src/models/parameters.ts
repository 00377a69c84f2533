import { GorpError } from '../base/errors.ts';
import type { BufferRange, OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { pack, packedBytes, type Packing } from '../device/packing.ts';
import { bytesOf, plainTensor, sizeOf, type StoredTensor, storeTensor, type Tensor } from '../graph/tensor.ts';
import { quantisedCheckpoint } from './config.ts';

/** A matrix whose checkpoint stores it in blocks of integers, which a packing holds as they are. */
export interface PackedValues {
  readonly packing: Packing;
  /** Values of the whole matrix. */
  readonly length: number;
  /** The words of values `begin` to `end`, both multiples of a block, as a buffer of their own holds them. */
  words(begin: number, end: number): Uint32Array<ArrayBuffer>;
}

/**
 * Gives the values of a parameter by Hugging Face name; null if somebody else writes them afterwards.
 *
 * @param packing how they will be stored; undefined is f32. Only for a packing may they be {@link PackedValues}, of it.
 */
export type ReadParameter = (name: string, packing?: Packing) => Promise<Float32Array | PackedValues | null>;

export interface LoadOptions {
  /** The place of a parameter inside another buffer, if it has one (trainable full-rank weights, f32). */
  place?: (name: string) => BufferRange | undefined;
  /** How a frozen parameter is stored; undefined is f32. */
  packing?: ((name: string) => Packing | undefined) | undefined;
  onLoaded?: ((name: string) => void) | undefined;
}

/** A model's parameters on the GPU by Hugging Face name: f32 or packed, the largest in parts. */
export class Parameters {
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #owned: readonly OwnedBuffer[];

  private constructor(tensors: ReadonlyMap<string, Tensor>, owned: readonly OwnedBuffer[]) {
    this.#tensors = tensors;
    this.#owned = owned;
  }

  /**
   * Loads parameters one tensor at a time, so that the host never holds the whole model. A matrix larger than the
   * device's buffer limit is split into consecutive rows.
   *
   * @param shapes names and shapes according to the config.
   * @param read null allocates memory without writing to it, for a memory plan.
   * @throws GorpError `device/out-of-memory`, `device/buffer-too-large`, `model/bad-shape`; then nothing is allocated.
   */
  static async load(
    device: Device,
    shapes: ReadonlyMap<string, readonly number[]>,
    read: ReadParameter | null,
    { place, packing, onLoaded }: LoadOptions = {},
  ): Promise<Parameters> {
    const tensors = new Map<string, Tensor>();
    const owned: OwnedBuffer[] = [];
    const store = (tensor: Tensor): StoredTensor => {
      const stored = storeTensor(device, tensor, 'weights');
      owned.push(stored.storage.buffer);
      return stored;
    };
    try {
      for (const [name, shape] of shapes) {
        const storage = place?.(name);
        const packed = storage ? undefined : packing?.(name);
        const values = await read?.(name, packed);
        if (values) checkSize(name, shape, values.length);
        device.check();
        const tensor = storage
          ? { ...plain(name, shape), storage }
          : frozen(name, shape, packed, device.limits.buffer, store);
        let at = 0;
        for (const part of tensor.parts ?? [tensor]) {
          if (values) write(device, part, values, at, (at += part.elements));
        }
        tensors.set(name, tensor);
        onLoaded?.(name);
      }
      await device.buffers.verified();
    } catch (error) {
      for (const buffer of owned) buffer.destroy();
      throw error;
    }
    return new Parameters(tensors, owned);
  }

  /** A parameter as a tensor of any graph. */
  tensor(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`the model has no parameter ${name}`);
    return tensor;
  }

  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
  }
}

/** Number of a model's parameters without embeddings: `num_parameters(exclude_embeddings=True)` of Hugging Face. */
export function parametersWithoutEmbeddings(shapes: ReadonlyMap<string, readonly number[]>): number {
  let count = 0;
  for (const [name, shape] of shapes) if (!EMBEDDING.test(name)) count += sizeOf(shape);
  return count;
}

const EMBEDDING = /(?:^|\.)(?:shared|embed_tokens|relative_attention_bias)\.weight$/;

function checkSize(name: string, shape: readonly number[], found: number): void {
  if (found === sizeOf(shape)) return;
  throw new GorpError(
    'model/bad-shape',
    `${name} has ${found} values, but config.json needs [${shape.join(', ')}].`,
    'Fetch the weights and config.json again, both from the same place.',
  );
}

const plain = (name: string, shape: readonly number[]): Tensor => ({ ...plainTensor(name, shape), mayBeHalf: true });

/** A frozen parameter, split into consecutive rows if it is larger than `limit` bytes. */
function frozen(
  name: string,
  shape: readonly number[],
  packing: Packing | undefined,
  limit: number,
  store: (tensor: Tensor) => StoredTensor,
): Tensor {
  const packed = (label: string, rows: readonly number[]): Tensor => ({
    ...plain(label, rows),
    ...(packing && { packing }),
  });
  const [rows, columns] = shape;
  const whole = packed(name, shape);
  if (shape.length !== 2 || bytesOf(whole) <= limit) return store(whole);
  const rowBytes = packing ? packedBytes(packing, columns) : columns * 4; // of a row on its own: at least its share
  const max = Math.max(1, Math.floor(limit / rowBytes));
  const parts = Array.from({ length: Math.ceil(rows / max) }, (_, i) =>
    store(packed(`${name}, rows from ${i * max}`, [Math.min(max, rows - i * max), columns])),
  );
  return { ...plain(name, shape), parts };
}

/** Writes values `begin` to `end` of a parameter to a tensor of them. */
function write(
  device: Device,
  { storage, packing }: Tensor,
  values: Float32Array | PackedValues,
  begin: number,
  end: number,
): void {
  if (storage === undefined) return;
  device.write(storage.buffer, storage.offset, dataOf(values, packing, begin, end));
}

function dataOf(
  values: Float32Array | PackedValues,
  packing: Packing | undefined,
  begin: number,
  end: number,
): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  if (!(values instanceof Float32Array)) return values.words(begin, end);
  const part = values.subarray(begin, end);
  return packing ? pack(part, packing) : (part as Float32Array<ArrayBuffer>);
}

/**
 * Tensors that mark a checkpoint as quantised even if its config.json does not say so: GPTQ and AWQ (older ones have a
 * quantize_config.json), FP8, compressed-tensors, bitsandbytes.
 */
const QUANTISED = /\.(qweight|weight_packed|weight_scale(_inv)?|weight\.absmax)$/;

/**
 * Checks a checkpoint against the config.
 *
 * @param isRedundant whether an extra name is allowed.
 * @param storedName name of a parameter in the checkpoint.
 * @throws GorpError `model/quantised-checkpoint`, `model/missing-tensor`, `model/extra-tensor` or `model/bad-shape`, naming
 *   the tensor.
 */
export function checkShapes(
  wanted: ReadonlyMap<string, readonly number[]>,
  found: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  isRedundant: (name: string) => boolean,
  storedName: (name: string) => string = (name) => name,
): void {
  const nextStep = 'Fetch the weights and config.json again, both from the same place.';
  const quantised = [...found.keys()].find((name) => QUANTISED.test(name));
  if (quantised !== undefined)
    throw quantisedCheckpoint(`The weights of this model are stored quantised: the checkpoint holds ${quantised}.`);
  for (const [name, shape] of wanted) {
    const tensor = found.get(storedName(name));
    if (tensor === undefined) {
      throw new GorpError('model/missing-tensor', `The checkpoint lacks ${name} [${shape.join(', ')}].`, nextStep);
    }
    if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i])) {
      throw new GorpError(
        'model/bad-shape',
        `${storedName(name)} is [${tensor.shape.join(', ')}], but config.json needs [${shape.join(', ')}].`,
        nextStep,
      );
    }
  }
  for (const name of found.keys()) {
    if (!wanted.has(name) && !isRedundant(name)) {
      throw new GorpError(
        'model/extra-tensor',
        `The checkpoint holds ${name}, which this model does not have.`,
        nextStep,
      );
    }
  }
}
