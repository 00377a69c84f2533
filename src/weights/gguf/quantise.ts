import { GorpError } from '../../base/errors.ts';
import { float32ToHalf } from '../../base/half.ts';
import { BLOCK_TYPES, type BlockType } from './blocks.ts';

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
