import { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from '../base/half.ts';
import template from '../../shaders/packed.wgsl?raw';
import { fillTemplate } from './template.ts';

/**
 * Formats of a frozen matrix other than f32: 16-bit floats as in a checkpoint, or 8- or 4-bit integers with a scale per
 * block. Layouts are in `shaders/packed.wgsl`.
 */
export const PACKINGS = ['f16', 'bf16', 'int8', 'int4'] as const;
export type Packing = (typeof PACKINGS)[number];

/** Neighbouring values (row-major) that share a scale. */
export const BLOCK = 32;
const LARGEST = { int8: 127, int4: 7 } as const;

/** Words before the scales; all words if there are none. */
export function valueWords(packing: Packing, elements: number): number {
  if (packing === 'f16' || packing === 'bf16') return Math.ceil(elements / 4) * 2;
  return (Math.ceil(elements / BLOCK) * BLOCK) / (packing === 'int8' ? 4 : 8);
}

/** Bytes of a packed matrix, scales included. */
export function packedBytes(packing: Packing, elements: number): number {
  const scales = packing === 'int8' || packing === 'int4' ? Math.ceil(elements / BLOCK) : 0;
  return (valueWords(packing, elements) + scales) * 4;
}

/** Packs values. f16 and bf16 round to nearest even, so values from such a checkpoint stay exact. */
export function pack(values: Float32Array, packing: Packing): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(packedBytes(packing, values.length) / 4);
  if (packing === 'f16' || packing === 'bf16') {
    new Uint16Array(words.buffer).set(packing === 'f16' ? float32ToHalf(values) : float32ToBfloat16(values));
    return words;
  }
  const scales = new Float32Array(words.buffer, valueWords(packing, values.length) * 4);
  const bytes = new Uint8Array(words.buffer);
  for (let block = 0; block < scales.length; block++) {
    const end = Math.min(values.length, (block + 1) * BLOCK);
    let top = 0;
    for (let i = block * BLOCK; i < end; i++) top = Math.max(top, Math.abs(values[i]));
    scales[block] = top / LARGEST[packing];
    const scale = scales[block];
    if (scale === 0) continue;
    for (let i = block * BLOCK; i < end; i++) {
      const q = Math.round(values[i] / scale);
      if (packing === 'int8') bytes[i] = q;
      else bytes[i >> 1] |= (q & 15) << (4 * (i & 1));
    }
  }
  return words;
}

/** The plain reference of `unpacked` in `shaders/packed.wgsl`, for a whole matrix. */
export function unpack(words: Uint32Array<ArrayBuffer>, packing: Packing, elements: number): Float32Array<ArrayBuffer> {
  if (packing === 'f16' || packing === 'bf16') {
    const halves = new Uint16Array(words.buffer, 0, elements);
    return packing === 'f16' ? halfToFloat32(halves) : bfloat16ToFloat32(halves);
  }
  const values = new Float32Array(elements);
  const scales = new Float32Array(words.buffer, valueWords(packing, elements) * 4);
  const bytes = new Int8Array(words.buffer);
  for (let i = 0; i < elements; i++) {
    const q = packing === 'int8' ? bytes[i] : (bytes[i >> 1] << (28 - 4 * (i & 1))) >> 28;
    values[i] = scales[Math.floor(i / BLOCK)] * q;
  }
  return values;
}

/** The WGSL function `unpacked(i, scales)` that reads four values at a time from the words at `binding`. */
export function packedReader(packing: Packing, binding: number): string {
  return fillTemplate(template, {
    BINDING: binding,
    HALF: packing === 'f16' || packing === 'bf16',
    F16: packing === 'f16',
    BF16: packing === 'bf16',
    INT8: packing === 'int8',
    INT4: packing === 'int4',
  });
}
