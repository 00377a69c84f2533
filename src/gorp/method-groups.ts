/** Which layers a model family gives to adapters and to full-rank training by default: METHOD.md section 1. */
export interface TargetModules {
  /** Layers that get LoRA. */
  readonly lora: RegExp;
  /** Layers whose weights are trained full-rank. */
  readonly fullRank: RegExp;
}

export const T5_TARGETS: TargetModules = {
  lora: /\.SelfAttention\.[qv]$/,
  fullRank: /\.EncDecAttention\.[qv]$/,
};

export const LLAMA_TARGETS: TargetModules = {
  lora: /\.self_attn\.(q_proj|v_proj)$/,
  fullRank: /\.mlp\.gate_proj$/,
};

/** Layers of one shape that are trained in one way. */
export interface LayerGroup {
  readonly names: readonly string[];
  readonly out: number;
  readonly inputs: number;
}

/**
 * The layers that a pattern picks, in groups of one shape each.
 *
 * @param shapes parameters by name; those ending in `.weight` with two dimensions are layers.
 */
export function layerGroups(shapes: ReadonlyMap<string, readonly number[]>, pattern: RegExp): LayerGroup[] {
  const groups = new Map<string, { names: string[]; out: number; inputs: number }>();
  for (const [parameter, [out, inputs]] of shapes) {
    const name = parameter.replace(/\.weight$/, '');
    if (name === parameter || !pattern.test(name)) continue;
    const group = groups.get(`${out}×${inputs}`) ?? { names: [], out, inputs };
    group.names.push(name);
    groups.set(`${out}×${inputs}`, group);
  }
  return [...groups.values()];
}
