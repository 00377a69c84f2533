import { GorpError } from '../base/errors.ts';
import type { OwnedBuffer } from '../gpu/buffers.ts';
import type { Gpu } from '../gpu/device.ts';
import type { BufferRange } from '../gpu/program.ts';
import { sizeOf } from '../graph/tensor.ts';

/** A model's parameters on the GPU, f32, by Hugging Face name. */
export class Parameters {
  private constructor(
    private readonly ranges: ReadonlyMap<string, BufferRange>,
    private readonly owned: readonly OwnedBuffer[],
  ) {}

  /**
   * Loads parameters one tensor at a time, so that the host never holds the model.
   *
   * @param shapes names and shapes that the config asks for.
   * @param read gives a tensor's values.
   * @param place where a tensor is to live when it must lie inside another buffer (trainable full-rank weights).
   * @throws GorpError `gpu/out-of-memory`, `model/bad-shape`; nothing stays allocated then.
   */
  static async load(
    gpu: Gpu,
    shapes: ReadonlyMap<string, readonly number[]>,
    read: (name: string) => Promise<Float32Array>,
    options: { place?: (name: string) => BufferRange | undefined; onLoaded?: (name: string) => void } = {},
  ): Promise<Parameters> {
    const ranges = new Map<string, BufferRange>();
    const owned: OwnedBuffer[] = [];
    try {
      for (const [name, shape] of shapes) {
        const values = await read(name);
        if (values.length !== sizeOf(shape)) {
          throw new GorpError(
            'model/bad-shape',
            `${name} has ${values.length} values; the config asks for [${shape.join(', ')}].`,
            'The weights and config.json do not belong together: fetch both again from the same place.',
          );
        }
        let range = options.place?.(name);
        if (range === undefined) {
          const buffer = gpu.buffers.storage(name, values.byteLength);
          owned.push(buffer);
          range = { buffer, offset: 0, bytes: buffer.bytes };
        }
        gpu.check();
        gpu.device.queue.writeBuffer(range.buffer.gpuBuffer, range.offset, values as Float32Array<ArrayBuffer>);
        ranges.set(name, range);
        options.onLoaded?.(name);
      }
      await gpu.buffers.verified();
    } catch (error) {
      for (const buffer of owned) buffer.destroy();
      throw error;
    }
    return new Parameters(ranges, owned);
  }

  /** Where a parameter lives. */
  range(name: string): BufferRange {
    const range = this.ranges.get(name);
    if (range === undefined) throw new Error(`the model has no parameter ${name}`);
    return range;
  }

  destroy(): void {
    for (const buffer of this.owned) buffer.destroy();
  }
}

/** Number of a model's parameters that are no embeddings: `num_parameters(exclude_embeddings=True)` of Hugging Face. */
export function parametersWithoutEmbeddings(shapes: ReadonlyMap<string, readonly number[]>): number {
  let count = 0;
  for (const [name, shape] of shapes) if (!EMBEDDING.test(name)) count += sizeOf(shape);
  return count;
}

const EMBEDDING = /(?:^|\.)(?:shared|embed_tokens|relative_attention_bias)\.weight$/;

/**
 * Checks a checkpoint against what the config asks for.
 *
 * @param isRedundant names that may be there besides.
 * @throws GorpError `model/missing-tensor`, `model/extra-tensor` or `model/bad-shape`, naming the tensor.
 */
export function checkShapes(
  wanted: ReadonlyMap<string, readonly number[]>,
  found: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  isRedundant: (name: string) => boolean,
): void {
  const nextStep = 'The weights and config.json do not belong together: fetch both again from the same place.';
  for (const [name, shape] of wanted) {
    const tensor = found.get(name);
    if (tensor === undefined) {
      throw new GorpError('model/missing-tensor', `The checkpoint lacks ${name} [${shape.join(', ')}].`, nextStep);
    }
    if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i])) {
      throw new GorpError(
        'model/bad-shape',
        `${name} is [${tensor.shape.join(', ')}]; config.json asks for [${shape.join(', ')}].`,
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
