import type { ConfigReader } from './config.ts';

/** How rotary frequencies are scaled for texts longer than a model was first trained on. */
export type RotaryScaling =
  | { type: 'default' }
  /** Positions divided by `factor`. */
  | { type: 'linear'; factor: number }
  /** Each frequency divided by its own factor: longrope with one list for all lengths. */
  | { type: 'longrope'; factors: readonly number[] }
  /** Slow frequencies divided by `factor`, fast ones unchanged, those between blended; LLaMA 3.1 and later. */
  | { type: 'llama3'; factor: number; lowFactor: number; highFactor: number; originalPositions: number };

/**
 * Reads `rope_scaling` (or `rope_parameters`); if missing, no scaling.
 *
 * @param headDim size of a head.
 * @throws GorpError `model/bad-config` for unsupported kinds: dynamic, yarn, longrope that depends on a text's length.
 */
export function readRotaryScaling(read: ConfigReader | undefined, headDim: number): RotaryScaling {
  if (read === undefined) return { type: 'default' };
  const name = read.has('rope_type') || !read.has('type') ? 'rope_type' : 'type'; // older files say `type`
  const type = read.choice(name, ['default', 'linear', 'llama3', 'longrope'], 'default');
  read.refuseUnlessNeutral({ partial_rotary_factor: [1], attention_factor: [1] });
  if (type === 'default') return { type };
  if (type === 'longrope') return { type, factors: longropeFactors(read, headDim / 2) };
  const factor = read.positive('factor');
  if (type === 'linear') return { type, factor };
  const lowFactor = read.positive('low_freq_factor');
  const highFactor = read.positive('high_freq_factor');
  if (highFactor <= lowFactor) throw read.refuse('high_freq_factor', `more than low_freq_factor ${lowFactor}`);
  return { type, factor, lowFactor, highFactor, originalPositions: read.size('original_max_position_embeddings') };
}

/** The list of divisors, if texts of all lengths have the same. */
function longropeFactors(read: ConfigReader, count: number): number[] {
  const [short, long] = ['short_factor', 'long_factor'].map((name) => read.positives(name));
  if (short.length !== count) throw read.refuse('short_factor', `a list of ${count} numbers, one for each frequency`);
  if (short.length !== long.length || short.some((factor, i) => factor !== long[i])) {
    throw read.refuse('long_factor', 'equal to short_factor');
  }
  // Otherwise transformers scales cosines and sines by the length of texts.
  if (!read.has('attention_factor')) throw read.refuse('attention_factor', '1');
  return short;
}

/** The settings that determine the angles. */
export interface RotarySettings {
  headDim: number;
  ropeTheta: number;
  ropeScaling: RotaryScaling;
}

/**
 * Frequencies of the headDim / 2 pairs, radians per position; rounded to f32 like Hugging Face's ROPE_INIT_FUNCTIONS.
 */
export function rotaryFrequencies({ headDim, ropeTheta, ropeScaling: scaling }: RotarySettings): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, e) => {
    const frequency = Math.fround(1 / Math.fround(ropeTheta ** ((2 * e) / headDim)));
    if (scaling.type === 'default') return frequency;
    if (scaling.type === 'longrope') return frequency / scaling.factors[e];
    const { factor } = scaling;
    if (scaling.type === 'linear') return frequency / factor;
    const { lowFactor, highFactor, originalPositions } = scaling;
    const turns = (originalPositions * frequency) / (2 * Math.PI); // of the pair over the original context
    if (turns < lowFactor) return frequency / factor;
    if (turns > highFactor) return frequency;
    const smooth = (turns - lowFactor) / (highFactor - lowFactor);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}

/** The look-up of the rotary kernel, [positions, headDim]: cos of the angles of each position, then sin. */
export function rotaryTable(settings: RotarySettings, positions: number): Float32Array<ArrayBuffer> {
  const frequencies = rotaryFrequencies(settings);
  const half = frequencies.length;
  const table = new Float32Array(positions * half * 2);
  for (let position = 0; position < positions; position++) {
    for (let e = 0; e < half; e++) {
      const angle = Math.fround(position * frequencies[e]);
      table[position * half * 2 + e] = Math.cos(angle);
      table[position * half * 2 + half + e] = Math.sin(angle);
    }
  }
  return table;
}
