import { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from '../base/half.ts';
import template from '../../shaders/packed.wgsl?raw';
import { fillTemplate } from './template.ts';

/**
 * Formats of a frozen matrix other than f32: 16-bit floats as in a checkpoint, or 8- or 4-bit integers with a scale per
 * block (`uint4`: a scale and a minimum). Layouts are in `shaders/packed.wgsl`.
 */
export const PACKINGS = ['f16', 'bf16', 'int8', 'int4', 'uint4'] as const;
export type Packing = (typeof PACKINGS)[number];

/** Neighbouring values (row-major) that share a scale. */
export const BLOCK = 32;
const LARGEST = { int8: 127, int4: 7, uint4: 15 } as const;

/** Whether a packing holds floats, which have no blocks. */
const isHalf = (packing: Packing): packing is 'f16' | 'bf16' => packing === 'f16' || packing === 'bf16';

/** Floats of each block after the values: a scale, and for `uint4` a minimum. */
const floatsOfBlock = (packing: Packing): number => (isHalf(packing) ? 0 : packing === 'uint4' ? 2 : 1);

/** Words before the scales; all words if there are none. */
export function valueWords(packing: Packing, elements: number): number {
  if (isHalf(packing)) return Math.ceil(elements / 4) * 2;
  return (Math.ceil(elements / BLOCK) * BLOCK) / (packing === 'int8' ? 4 : 8);
}

/** Bytes of a packed matrix, scales included. */
export function packedBytes(packing: Packing, elements: number): number {
  return (valueWords(packing, elements) + Math.ceil(elements / BLOCK) * floatsOfBlock(packing)) * 4;
}

/** A packed matrix in memory, to fill block by block. */
interface PackedBlocks {
  /** All words, as a buffer holds them. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** The bytes of the values. */
  readonly values: Uint8Array;
  /** The scale of each block, or its scale and its minimum. */
  readonly floats: Float32Array;
}

/** Memory for a matrix of integers, all zero. */
export function emptyBlocks(packing: Exclude<Packing, 'f16' | 'bf16'>, elements: number): PackedBlocks {
  const words = new Uint32Array(packedBytes(packing, elements) / 4);
  const bytes = valueWords(packing, elements) * 4;
  return { words, values: new Uint8Array(words.buffer, 0, bytes), floats: new Float32Array(words.buffer, bytes) };
}

/** Packs values. f16 and bf16 round to nearest even, so values from such a checkpoint stay exact. */
export function pack(values: Float32Array, packing: Packing): Uint32Array<ArrayBuffer> {
  if (isHalf(packing)) {
    const words = new Uint32Array(packedBytes(packing, values.length) / 4);
    new Uint16Array(words.buffer).set(packing === 'f16' ? float32ToHalf(values) : float32ToBfloat16(values));
    return words;
  }
  const { words, values: bytes, floats } = emptyBlocks(packing, values.length);
  const perBlock = floatsOfBlock(packing);
  for (let block = 0; block * BLOCK < values.length; block++) {
    const end = Math.min(values.length, (block + 1) * BLOCK);
    let least = packing === 'uint4' ? Infinity : 0;
    let top = packing === 'uint4' ? -Infinity : 0;
    for (let i = block * BLOCK; i < end; i++) {
      const value = packing === 'uint4' ? values[i] : Math.abs(values[i]);
      least = Math.min(least, value);
      top = Math.max(top, value);
    }
    floats[block * perBlock] = (top - least) / LARGEST[packing];
    if (packing === 'uint4') floats[block * perBlock + 1] = least;
    const scale = floats[block * perBlock];
    if (scale === 0) continue;
    for (let i = block * BLOCK; i < end; i++) {
      const q = Math.round((values[i] - least) / scale);
      if (packing === 'int8') bytes[i] = q;
      else bytes[i >> 1] |= (q & 15) << (4 * (i & 1));
    }
  }
  return words;
}

/** The plain reference of `unpacked` in `shaders/packed.wgsl`, for a whole matrix. */
export function unpack(words: Uint32Array<ArrayBuffer>, packing: Packing, elements: number): Float32Array<ArrayBuffer> {
  if (isHalf(packing)) {
    const halves = new Uint16Array(words.buffer, 0, elements);
    return packing === 'f16' ? halfToFloat32(halves) : bfloat16ToFloat32(halves);
  }
  const values = new Float32Array(elements);
  const floats = new Float32Array(words.buffer, valueWords(packing, elements) * 4);
  const bytes = new Int8Array(words.buffer);
  for (let i = 0; i < elements; i++) {
    const block = Math.floor(i / BLOCK);
    if (packing === 'uint4') {
      values[i] = Math.fround(floats[2 * block] * ((bytes[i >> 1] >> (4 * (i & 1))) & 15)) + floats[2 * block + 1];
    } else {
      const q = packing === 'int8' ? bytes[i] : (bytes[i >> 1] << (28 - 4 * (i & 1))) >> 28;
      values[i] = floats[block] * q;
    }
  }
  return values;
}

/** The WGSL function `unpacked(i, scales)` that reads four values at a time from the words at `binding`. */
export function packedReader(packing: Packing, binding: number): string {
  return fillTemplate(template, {
    BINDING: binding,
    HALF: isHalf(packing),
    F16: packing === 'f16',
    BF16: packing === 'bf16',
    INT8: packing === 'int8',
    INT4: packing === 'int4',
    UINT4: packing === 'uint4',
  });
}
