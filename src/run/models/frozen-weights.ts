import type { Packing } from '../../device/packing.ts';
import { packingOfBlocks } from './packed-blocks.ts';

/**
 * How frozen weights are stored on the GPU: as f32; as in the checkpoint, if it stores 16 bits; or in blocks of 8-bit
 * or 4-bit integers. Matrices of a GGUF file that a packing holds without loss stay as they are, unless fewer bits are
 * asked for. Trained weights are f32 always.
 */
export const FROZEN_WEIGHTS = ['f32', 'stored', '8-bit', '4-bit'] as const;
export type FrozenWeights = (typeof FROZEN_WEIGHTS)[number];

/** Tables that are read by row or that score the vocabulary: 4 bits would cost most accuracy here. */
const VOCABULARY = /(^|\.)(shared|embed_tokens|lm_head)\.weight$/;
/** T5's table of position biases is a matrix in name only. */
const POSITIONS = /\.relative_attention_bias\.weight$/;

/**
 * The packing of a frozen parameter.
 *
 * @param stored its type in the checkpoint, as safetensors names it, or that of its blocks in a GGUF file.
 * @returns undefined for f32: norms and position biases always, since they are small and read value by value.
 */
export function frozenPacking(
  setting: FrozenWeights,
  name: string,
  shape: readonly number[],
  stored: string | undefined,
): Packing | undefined {
  if (shape.length !== 2 || POSITIONS.test(name)) return undefined;
  const asked = setting === '4-bit' && !VOCABULARY.test(name) ? 'int4' : 'int8';
  const blocks = packingOfBlocks(stored);
  if (blocks !== undefined && !(setting === '4-bit' && blocks === 'int8')) return blocks;
  if (setting === '8-bit' || setting === '4-bit') return asked;
  if (setting === 'f32') return undefined;
  return stored === 'F16' ? 'f16' : stored === 'BF16' ? 'bf16' : undefined;
}
