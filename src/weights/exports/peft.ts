/** What PEFT needs to know about an adapter besides its tensors. */
interface AdapterFacts {
  /** Where the base model comes from: `t5-large`, a folder, … */
  baseModel: string;
  /** The commit of a model on the hub. */
  revision: string | null;
  task: 'SEQ_2_SEQ_LM' | 'CAUSAL_LM';
  /** s, by which B A is multiplied. */
  scaling: number;
  dropout: number;
}

/** What PEFT puts before the names of an adapter's tensors: `base_model.model.{layer}.lora_A.weight`. */
export const PEFT_PREFIX = 'base_model.model.';

/**
 * `adapter_config.json` of PEFT's LoRA. PEFT multiplies B A by `lora_alpha / r`. Here r is the sum of all tasks' ranks,
 * and alpha grows with it so that the quotient stays s (docs/method.md, eq. (3)).
 *
 * @param layers with an adapter, all of one rank: the sum of all tasks' ranks.
 */
export function peftConfig(layers: readonly string[], rank: number, facts: AdapterFacts): Record<string, unknown> {
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
    target_modules: layers,
    task_type: facts.task,
  };
}
