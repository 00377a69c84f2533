/** Which layers a model family gives to adapters and to full-rank training by default: docs/method.md, section 1. */
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

export const DECODER_TARGETS: TargetModules = {
  lora: /\.self_attn\.(q_proj|v_proj)$/,
  fullRank: /\.mlp\.gate_proj$/,
};
