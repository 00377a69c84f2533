import type { ArchitectureFields } from './fields.ts';
import { badValue } from './values.ts';

/** How LLaMA 3.1 and later scale rotary frequencies; only the factor differs between them. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
/** Relative error of a factor that was rounded to 32 bits. */
const ROUNDING = 1e-5;

/**
 * `rope_scaling` of config.json, as an object to spread: empty if there is none. Divisors of each frequency, which some
 * files have as a tensor, become those of LLaMA 3 if they equal them, else a list for each frequency.
 *
 * @param factors the tensor rope_freqs.
 */
export function rotaryScaling(
  fields: ArchitectureFields,
  factors: Float32Array | null,
  { headDim, base }: { headDim: number; base: number },
): Record<string, unknown> {
  const kind = fields.text('rope.scaling.type') ?? (fields.has('rope.scale_linear') ? 'linear' : 'none');
  const positions = fields.whole('rope.scaling.original_context_length');
  fields.ignore(['rope.scaling.finetuned']);
  fields.neutral('rope.scaling.attn_factor', 1);
  const factor = fields.number('rope.scaling.factor') ?? fields.number('rope.scale_linear') ?? 1;
  if (kind !== 'none' && kind !== 'linear') fields.refuse('rope.scaling.type', 'none or linear');
  if (factors !== null) {
    if (kind === 'linear') fields.refuse('rope.scaling.type', 'none, beside factors for each frequency,');
    return { rope_scaling: scalingBy(factors, headDim, base, positions ?? fields.size('context_length')) };
  }
  return kind === 'linear' && factor !== 1 ? { rope_scaling: { rope_type: 'linear', factor } } : {};
}

function scalingBy(factors: Float32Array, headDim: number, base: number, positions: number): Record<string, unknown> {
  if (factors.length !== headDim / 2 || factors.some((factor) => !(factor > 0 && Number.isFinite(factor)))) {
    throw badValue('The tensor rope_freqs.weight', `does not have ${headDim / 2} positive numbers`);
  }
  const factor = Math.round(Math.max(...factors));
  const isLlama3 = factors.every((found, i) => {
    const expected = llama3Factor(base ** ((-2 * i) / headDim), factor);
    return Math.abs(found - expected) <= ROUNDING * expected;
  });
  if (isLlama3) return { rope_type: 'llama3', factor, ...LLAMA3 };
  const list = Array.from(factors);
  return {
    rope_type: 'longrope',
    short_factor: list,
    long_factor: list,
    attention_factor: 1,
    original_max_position_embeddings: positions,
  };
}

/** By what LLaMA 3 divides a frequency (`_compute_llama3_parameters` of transformers). */
function llama3Factor(frequency: number, factor: number): number {
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: positions } = LLAMA3;
  const turns = (positions * frequency) / (2 * Math.PI);
  if (turns < low) return factor;
  if (turns > high) return 1;
  const smooth = (turns - low) / (high - low);
  return 1 / ((1 - smooth) / factor + smooth);
}
