import { GorpError } from '../base/errors.ts';
import type { Family } from '../models/families.ts';
import type { GgufValue } from '../weights/gguf/values.ts';

/** How a model is written. */
export interface WrittenForm {
  readonly architecture: string;
  readonly kind: Family['kind'];
  /** A parameter's name in the file; undefined if llama.cpp has none. */
  readonly nameInFile: (name: string) => string | undefined;
  /** Heads of a parameter or layer whose halves are interleaved in the file; 0 for others. */
  readonly interleavedHeads: (name: string) => number;
  /** Whether norms hold 1 + weight. */
  readonly addsOne: boolean;
  /** Parameters by Hugging Face name. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Other names under which a checkpoint may hold a parameter. */
  readonly tiedNames: (name: string) => string[];
  /** Whether a tensor of a checkpoint is not needed. */
  readonly isRedundant: (name: string) => boolean;
  /** Fields of the architecture: `llama.block_count`, … */
  readonly fields: ReadonlyMap<string, GgufValue>;
  /** Divisors of the rotary frequencies, a tensor of its own; null if there are none. */
  readonly rotaryFactors: Float32Array | null;
}

export const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });
export const float32 = (value: number): GgufValue => ({ type: 'float32', value });
export const text = (value: string): GgufValue => ({ type: 'string', value });

/** The error for a model that llama.cpp computes in another way. @param difference what is different in this model. */
export const differsFrom = (architecture: string, difference: string): GorpError =>
  noGguf(`llama.cpp computes ${architecture} otherwise: ${difference} in this model`);

/** The error for a model that is not written. @param why follows "cannot be written as GGUF:". */
export const noGguf = (why: string): GorpError =>
  new GorpError(
    'model/no-gguf',
    `This model cannot be written as GGUF: ${why}.`,
    'Export it as ONNX, or merge it for transformers.',
  );
