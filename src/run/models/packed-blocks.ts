import { valueOfHalf } from '../../base/half.ts';
import { BLOCK, emptyBlocks, type Packing } from '../../device/packing.ts';
import type { PackedValues } from '../../models/parameters.ts';
import { checkFinite } from '../../weights/dtypes.ts';
import { type BlockTypeName, scaleAndMinimum } from '../../weights/gguf/blocks.ts';
import type { BlockTensor, ModelTensors } from '../../weights/model-files.ts';

type BlockPacking = Exclude<Packing, 'f16' | 'bf16'>;

/**
 * The packing that holds blocks of a type without loss: integers of at most 8 bits with a scale for each 32, or of 4
 * bits with a minimum too. The other types have scales for each 16, or 5 bits and a minimum: their values need f32.
 */
const HELD_BY: Partial<Record<BlockTypeName, BlockPacking>> = {
  Q8_0: 'int8',
  Q5_0: 'int8',
  Q4_0: 'int4',
  Q4_1: 'uint4',
  Q4_K: 'uint4',
};

/** The packing of a tensor stored in blocks of this type; undefined if none holds them, or it has no blocks. */
export const packingOfBlocks = (stored: string | undefined): BlockPacking | undefined =>
  (HELD_BY as Readonly<Record<string, BlockPacking | undefined>>)[stored ?? ''];

/** A tensor's type in its checkpoint, as {@link frozenPacking} takes it. */
export const storedTypeOf = (model: Pick<ModelTensors, 'tensors'>, name: string): string | undefined => {
  const info = model.tensors.get(name);
  return info?.blocks ?? info?.dtype;
};

/**
 * A parameter of a model: its blocks, if the packing is the one that holds them, otherwise its values.
 *
 * @throws GorpError as {@link ModelTensors.readTensor}.
 */
export async function readParameter(
  model: ModelTensors,
  name: string,
  packing: Packing | undefined,
): Promise<Float32Array | PackedValues> {
  const held = packingOfBlocks(model.tensors.get(name)?.blocks);
  if (held === undefined || held !== packing || model.readBlocks === undefined) return model.readTensor(name);
  return packedBlocks(name, await model.readBlocks(name), held);
}

/**
 * A quantised tensor in a packing that holds it without loss: each integer and scale as it is, in another order.
 *
 * @param name of the tensor, for the error.
 * @param packing of {@link packingOfBlocks}. Rows are whole blocks, as in every GGUF file.
 * @throws GorpError `weights/not-finite` when it is read.
 */
export function packedBlocks(name: string, { type, bytes }: BlockTensor, packing: BlockPacking): PackedValues {
  const repack = REPACK[type.name];
  if (repack === undefined) throw new Error(`${packing} does not hold ${type.name}`);
  return {
    packing,
    length: (bytes.length / type.bytes) * type.length,
    words: (begin, end) => {
      const packed = emptyBlocks(packing, end - begin);
      // Blocks of 32, of which a block of a K type has eight.
      for (let from = begin, to = 0; from < end; from += BLOCK, to++) {
        const at = Math.floor(from / type.length) * type.bytes;
        repack(bytes, at, (from % type.length) / BLOCK, packed.values, packed.floats, to);
      }
      checkFinite(name, packed.floats);
      return packed.words;
    },
  };
}

/** Copies 32 values: part `group` of the block at byte `at` becomes block `to`. */
type Repack = (
  bytes: Uint8Array,
  at: number,
  group: number,
  values: Uint8Array,
  floats: Float32Array,
  to: number,
) => void;

const halfAt = (bytes: Uint8Array, at: number): number => valueOfHalf(bytes[at] | (bytes[at + 1] << 8));

/**
 * Writes 32 4-bit integers, two a byte: neighbours share a byte here, but elements i and 16 + i do in a GGUF file.
 *
 * @param flip bits that differ: 8 turns q + 8 into a signed q.
 */
function writeNibbles(bytes: Uint8Array, qs: number, values: Uint8Array, to: number, flip: 0 | 8): void {
  for (let i = 0; i < 8; i++) {
    const [a, b] = [bytes[qs + 2 * i], bytes[qs + 2 * i + 1]];
    values[to * 16 + i] = ((a & 15) | ((b & 15) << 4)) ^ (flip * 17);
    values[to * 16 + 8 + i] = ((a >> 4) | (b & 240)) ^ (flip * 17);
  }
}

const REPACK: Partial<Record<BlockTypeName, Repack>> = {
  Q8_0: (bytes, at, _, values, floats, to) => {
    floats[to] = halfAt(bytes, at);
    values.set(bytes.subarray(at + 2, at + 34), to * BLOCK);
  },
  Q5_0: (bytes, at, _, values, floats, to) => {
    floats[to] = halfAt(bytes, at);
    for (let i = 0; i < BLOCK; i++) {
      const low = (bytes[at + 6 + (i & 15)] >> (i < 16 ? 0 : 4)) & 15;
      const high = (bytes[at + 2 + (i >> 3)] >> (i & 7)) & 1;
      values[to * BLOCK + i] = (low | (high << 4)) - 16;
    }
  },
  Q4_0: (bytes, at, _, values, floats, to) => {
    floats[to] = halfAt(bytes, at);
    writeNibbles(bytes, at + 2, values, to, 8);
  },
  Q4_1: (bytes, at, _, values, floats, to) => {
    floats[2 * to] = halfAt(bytes, at);
    floats[2 * to + 1] = halfAt(bytes, at + 2);
    writeNibbles(bytes, at + 4, values, to, 0);
  },
  Q4_K: (bytes, at, group, values, floats, to) => {
    const [steps, minima] = scaleAndMinimum(bytes, at + 4, group);
    floats[2 * to] = halfAt(bytes, at) * steps;
    floats[2 * to + 1] = -(halfAt(bytes, at + 2) * minima);
    const qs = at + 16 + (group >> 1) * 32;
    const shift = 4 * (group & 1);
    for (let i = 0; i < 16; i++) {
      values[to * 16 + i] = ((bytes[qs + 2 * i] >> shift) & 15) | (((bytes[qs + 2 * i + 1] >> shift) & 15) << 4);
    }
  },
};
