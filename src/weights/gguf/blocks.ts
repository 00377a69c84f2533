import { GorpError } from '../../base/errors.ts';
import { bfloat16ToFloat32, float32ToHalf, halfToFloat32, valueOfHalf } from '../../base/half.ts';

/** A type of tensor in a GGUF file: `length` neighbouring elements of a row are stored together in `bytes` bytes. */
export interface BlockType {
  /** Its number in the format (`ggml_type`). */
  readonly id: number;
  readonly name: BlockTypeName;
  readonly length: number;
  readonly bytes: number;
}

/** Elements of a block of a K type, which has scales of its own for each 16 or 32 of them. */
const K = 256;

/** The types that weights are read from. */
export const BLOCK_TYPES = {
  F32: { id: 0, name: 'F32', length: 1, bytes: 4 },
  F16: { id: 1, name: 'F16', length: 1, bytes: 2 },
  BF16: { id: 30, name: 'BF16', length: 1, bytes: 2 },
  Q8_0: { id: 8, name: 'Q8_0', length: 32, bytes: 34 },
  Q4_0: { id: 2, name: 'Q4_0', length: 32, bytes: 18 },
  Q4_1: { id: 3, name: 'Q4_1', length: 32, bytes: 20 },
  Q5_0: { id: 6, name: 'Q5_0', length: 32, bytes: 22 },
  Q5_1: { id: 7, name: 'Q5_1', length: 32, bytes: 24 },
  Q2_K: { id: 10, name: 'Q2_K', length: K, bytes: 84 },
  Q3_K: { id: 11, name: 'Q3_K', length: K, bytes: 110 },
  Q4_K: { id: 12, name: 'Q4_K', length: K, bytes: 144 },
  Q5_K: { id: 13, name: 'Q5_K', length: K, bytes: 176 },
  Q6_K: { id: 14, name: 'Q6_K', length: K, bytes: 210 },
} as const satisfies Record<string, { id: number; name: string; length: number; bytes: number }>;

export type BlockTypeName = keyof typeof BLOCK_TYPES;

const byId = new Map<number, BlockType>(Object.values(BLOCK_TYPES).map((type) => [type.id, type]));

/** Types that the format has or had, and that are not read, by their number. */
const OTHER_TYPES: Readonly<Record<number, string>> = {
  4: 'Q4_2',
  5: 'Q4_3',
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  31: 'Q4_0_4_4',
  32: 'Q4_0_4_8',
  33: 'Q4_0_8_8',
  34: 'TQ1_0',
  35: 'TQ2_0',
  36: 'IQ4_NL_4_4',
  37: 'IQ4_NL_4_8',
  38: 'IQ4_NL_8_8',
  39: 'MXFP4',
  40: 'NVFP4',
  41: 'Q1_0',
};

/**
 * The type with this number.
 *
 * @throws GorpError `weights/gguf-type` for the types that are not read, each by its name, and for unknown numbers.
 */
export function blockType(id: number): BlockType {
  const type = byId.get(id);
  if (type !== undefined) return type;
  if (!Object.hasOwn(OTHER_TYPES, id)) {
    throw new GorpError(
      'weights/gguf-type',
      `The GGUF file has a tensor of type ${id}, which the format does not define.`,
      'Download the file again; if it is the same, take another file of this model.',
    );
  }
  throw new GorpError(
    'weights/gguf-type',
    `The GGUF file has a tensor of type ${OTHER_TYPES[id]}, which is not read.`,
    'Take another file of this model: Q8_0, Q6_K, Q5_K_M or Q4_K_M instead of IQ, ternary and other types of few bits.',
  );
}

/** Reads one block that begins at byte `at` of `bytes`, and writes its values to `out` from `to` on. */
type ReadBlock = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void;

const halfAt = (bytes: Uint8Array, at: number): number => valueOfHalf(bytes[at] | (bytes[at + 1] << 8));
const signed = (byte: number): number => (byte << 24) >> 24;

/**
 * Types of 32 elements: `qs` holds element i in the lower half of byte i and element 16 + i in the upper half; `qh`,
 * if the type has it, a fifth bit of element i at bit i.
 *
 * @param zero the integer that stands for 0, or null if the block has a minimum instead.
 */
const readHalves =
  (zero: number | null, hasFifthBit: boolean): ReadBlock =>
  (bytes, at, out, to) => {
    const scale = halfAt(bytes, at);
    const least = zero === null ? halfAt(bytes, at + 2) : 0;
    const qh = at + (zero === null ? 4 : 2);
    const qs = hasFifthBit ? qh + 4 : qh;
    for (let i = 0; i < 32; i++) {
      const low = (bytes[qs + (i & 15)] >> (i < 16 ? 0 : 4)) & 15;
      const q = hasFifthBit ? low | (((bytes[qh + (i >> 3)] >> (i & 7)) & 1) << 4) : low;
      // Products of a 16-bit float and a small integer are exact, so the sum alone is rounded, by the array.
      out[to + i] = zero === null ? scale * q + least : scale * (q - zero);
    }
  };

const readQ8: ReadBlock = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at);
  for (let i = 0; i < 32; i++) out[to + i] = signed(bytes[at + 2 + i]) * scale;
};

/** Scales of 4 bits, minima of 4, for each 16 of 2-bit integers. */
const readQ2K: ReadBlock = (bytes, at, out, to) => {
  const qs = at + 16;
  const scale = halfAt(bytes, at + 80);
  const least = halfAt(bytes, at + 82);
  for (let i = 0; i < K; i++) {
    const both = bytes[at + (i >> 4)];
    const q = (bytes[qs + (i >> 7) * 32 + (i & 31)] >> (2 * ((i >> 5) & 3))) & 3;
    out[to + i] = scale * (both & 15) * q - least * (both >> 4);
  }
};

/** Scales of 6 bits for each 16 of 3-bit integers. */
const readQ3K: ReadBlock = (bytes, at, out, to) => {
  const qs = at + 32;
  const scales = at + 96;
  const scale = halfAt(bytes, at + 108);
  for (let group = 0; group < 16; group++) {
    const low = (bytes[scales + (group & 7)] >> (group < 8 ? 0 : 4)) & 15;
    const high = (bytes[scales + 8 + (group & 3)] >> (2 * (group >> 2))) & 3;
    const step = scale * ((low | (high << 4)) - 32);
    for (let i = group * 16; i < group * 16 + 16; i++) {
      const q = (bytes[qs + (i >> 7) * 32 + (i & 31)] >> (2 * ((i >> 5) & 3))) & 3;
      const isWhole = (bytes[at + (i & 31)] >> (i >> 5)) & 1;
      out[to + i] = step * (isWhole === 1 ? q : q - 4);
    }
  }
};

/** The scale (6 bits) and the minimum (6 bits) of each 32 elements, as Q4_K and Q5_K pack eight of both in 12 bytes. */
export function scaleAndMinimum(bytes: Uint8Array, at: number, group: number): [scale: number, minimum: number] {
  if (group < 4) return [bytes[at + group] & 63, bytes[at + 4 + group] & 63];
  const both = bytes[at + 4 + group];
  return [(both & 15) | ((bytes[at + group - 4] >> 6) << 4), (both >> 4) | ((bytes[at + group] >> 6) << 4)];
}

/** A scale and a minimum for each 32 of 4-bit integers, or of 5-bit ones with their fifth bits in `qh`. */
const readQ45K =
  (hasFifthBit: boolean): ReadBlock =>
  (bytes, at, out, to) => {
    const scale = halfAt(bytes, at);
    const least = halfAt(bytes, at + 2);
    const qh = at + 16;
    const qs = hasFifthBit ? qh + 32 : qh;
    for (let group = 0; group < 8; group++) {
      const [steps, minima] = scaleAndMinimum(bytes, at + 4, group);
      const step = scale * steps;
      const minimum = least * minima;
      for (let i = 0; i < 32; i++) {
        const low = (bytes[qs + (group >> 1) * 32 + i] >> (4 * (group & 1))) & 15;
        const q = hasFifthBit ? low | (((bytes[qh + i] >> group) & 1) << 4) : low;
        out[to + group * 32 + i] = step * q - minimum;
      }
    }
  };

/** Scales of 8 bits for each 16 of 6-bit integers. */
const readQ6K: ReadBlock = (bytes, at, out, to) => {
  const qh = at + 128;
  const scales = at + 192;
  const scale = halfAt(bytes, at + 208);
  for (let i = 0; i < K; i++) {
    const half = i >> 7;
    const quarter = (i >> 5) & 3;
    const low = (bytes[at + half * 64 + (quarter & 1) * 32 + (i & 31)] >> (quarter < 2 ? 0 : 4)) & 15;
    const high = (bytes[qh + half * 32 + (i & 31)] >> (2 * quarter)) & 3;
    out[to + i] = scale * signed(bytes[scales + (i >> 4)]) * ((low | (high << 4)) - 32);
  }
};

const READ: Readonly<Record<Exclude<BlockTypeName, 'F32' | 'F16' | 'BF16'>, ReadBlock>> = {
  Q8_0: readQ8,
  Q4_0: readHalves(8, false),
  Q4_1: readHalves(null, false),
  Q5_0: readHalves(16, true),
  Q5_1: readHalves(null, true),
  Q2_K: readQ2K,
  Q3_K: readQ3K,
  Q4_K: readQ45K(false),
  Q5_K: readQ45K(true),
  Q6_K: readQ6K,
};

/**
 * The values of whole blocks, bit for bit as the Python package `gguf` computes them.
 *
 * @param bytes little-endian, at any alignment; their number is a multiple of `type.bytes`.
 */
export function dequantise(type: BlockType, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const { name } = type;
  if (name === 'F32') return new Float32Array(new Uint8Array(bytes).buffer);
  if (name === 'F16') return halfToFloat32(new Uint16Array(new Uint8Array(bytes).buffer));
  if (name === 'BF16') return bfloat16ToFloat32(new Uint16Array(new Uint8Array(bytes).buffer));
  const count = bytes.length / type.bytes;
  const values = new Float32Array(count * type.length);
  const read = READ[name];
  for (let block = 0; block < count; block++) read(bytes, block * type.bytes, values, block * type.length);
  return values;
}

/** Types that weights are written as. */
export const WRITTEN_TYPES = ['F32', 'F16', 'Q8_0', 'Q4_0'] as const;
export type WrittenType = (typeof WRITTEN_TYPES)[number];

const { fround } = Math;
/** The largest 16-bit float. */
const LARGEST_HALF = 65_504;

/**
 * Values as blocks of a type, bit for bit as the Python package `gguf` and llama.cpp's own converter write them.
 *
 * @param name of the tensor, for the error.
 * @param values whole rows, whose length is a multiple of the type's.
 * @throws GorpError `weights/f16-overflow` if a value or a block's scale is too large for a 16-bit float.
 */
export function quantise(name: string, values: Float32Array, type: WrittenType): Uint8Array<ArrayBuffer> {
  switch (type) {
    case 'F32':
      return new Uint8Array(values.slice().buffer);
    case 'F16':
      checkHalves(name, values);
      return new Uint8Array(float32ToHalf(values).buffer);
    case 'Q8_0':
      return inBlocks(name, values, BLOCK_TYPES.Q8_0, writeQ8);
    case 'Q4_0':
      return inBlocks(name, values, BLOCK_TYPES.Q4_0, writeQ4);
  }
}

/** Writes the integers of 32 values from `from` on, at byte `at`. @returns their scale. */
type WriteBlock = (values: Float32Array, from: number, bytes: Uint8Array, at: number) => number;

/** Blocks of 32 values: a scale of 16 bits, then the integers. */
function inBlocks(name: string, values: Float32Array, type: BlockType, write: WriteBlock): Uint8Array<ArrayBuffer> {
  const count = values.length / type.length;
  const bytes = new Uint8Array(count * type.bytes);
  const scales = new Float32Array(count);
  for (let block = 0; block < count; block++) {
    scales[block] = write(values, block * type.length, bytes, block * type.bytes + 2);
  }
  checkHalves(name, scales);
  const halves = float32ToHalf(scales);
  for (let block = 0; block < count; block++) {
    bytes[block * type.bytes] = halves[block] & 255;
    bytes[block * type.bytes + 1] = halves[block] >> 8;
  }
  return bytes;
}

const writeQ8: WriteBlock = (values, from, bytes, at) => {
  let top = 0;
  for (let i = 0; i < 32; i++) top = Math.max(top, Math.abs(values[from + i]));
  const scale = fround(top / 127);
  const inverse = scale === 0 ? 0 : fround(1 / scale);
  for (let i = 0; i < 32; i++) {
    const q = fround(values[from + i] * inverse);
    bytes[at + i] = Math.sign(q) * Math.floor(Math.abs(q) + 0.5); // half away from zero
  }
  return scale;
};

/** The largest magnitude becomes −8, so that its side uses the whole range. */
const writeQ4: WriteBlock = (values, from, bytes, at) => {
  let top = 0;
  for (let i = 0; i < 32; i++) if (Math.abs(values[from + i]) > Math.abs(top)) top = values[from + i];
  const scale = fround(top / -8);
  const inverse = scale === 0 ? 0 : fround(1 / scale);
  const number = (i: number): number => Math.min(15, Math.trunc(fround(fround(values[from + i] * inverse) + 8.5)));
  for (let i = 0; i < 16; i++) bytes[at + i] = number(i) | (number(16 + i) << 4);
  return scale;
};

function checkHalves(name: string, values: Float32Array): void {
  // A value that rounds to more than the largest becomes infinite; so does NaN's comparison.
  const bad = values.find((value) => !(Math.abs(value) < LARGEST_HALF + 16));
  if (bad === undefined) return;
  throw new GorpError(
    'weights/f16-overflow',
    `${name} holds ${bad}, which a 16-bit float cannot hold.`,
    'Export the model in f32.',
  );
}
