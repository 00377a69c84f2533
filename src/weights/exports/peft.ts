import type { TensorSource } from '../safetensors.ts';

/** The adapter of a layer, the pairs of all tasks concatenated: A [R, in] and B [out, R], row-major. */
export interface AdapterPair {
  layer: string;
  out: number;
  inputs: number;
  /** R, the sum of all tasks' ranks. */
  rank: number;
  A: () => Promise<Float32Array>;
  B: () => Promise<Float32Array>;
}

/** What PEFT needs to know about an adapter besides its tensors. */
export interface AdapterFacts {
  /** Where the base model comes from: `t5-large`, a folder, … */
  baseModel: string;
  /** The commit of a model on the hub. */
  revision: string | null;
  task: 'SEQ_2_SEQ_LM' | 'CAUSAL_LM';
  /** s, by which B A is multiplied. */
  scaling: number;
  dropout: number;
}

/** PEFT's name for a part of an adapter: `base_model.model.{layer}.lora_A.weight`. */
export const peftName = (layer: string, part: 'lora_A' | 'lora_B'): string =>
  `base_model.model.${layer}.${part}.weight`;

/**
 * `adapter_config.json` of PEFT's LoRA. PEFT multiplies B A by `lora_alpha / r`. Here r is the sum of all tasks' ranks,
 * and alpha grows with it so that the quotient stays s (docs/method.md, eq. (3)).
 *
 * @param pairs of all layers with an adapter, all of one rank.
 */
export function peftConfig(pairs: readonly AdapterPair[], facts: AdapterFacts): Record<string, unknown> {
  const [{ rank }] = pairs;
  return {
    base_model_name_or_path: facts.baseModel,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: facts.scaling * rank,
    lora_dropout: facts.dropout,
    modules_to_save: null,
    peft_type: 'LORA',
    r: rank,
    revision: facts.revision,
    target_modules: pairs.map(({ layer }) => layer),
    task_type: facts.task,
  };
}

/** The tensors of `adapter_model.safetensors`. */
export const peftTensors = (pairs: readonly AdapterPair[]): TensorSource[] =>
  pairs.flatMap(({ layer, out, inputs, rank, A, B }): TensorSource[] => [
    { name: peftName(layer, 'lora_A'), dtype: 'F32', shape: [rank, inputs], read: A },
    { name: peftName(layer, 'lora_B'), dtype: 'F32', shape: [out, rank], read: B },
  ]);
