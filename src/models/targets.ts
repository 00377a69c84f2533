/**
 * Which layers of a model family get adapters and which are trained full-rank by default: docs/method.md, section 1.
 */
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

/** The layers with one name in all blocks of a model. */
interface TargetModule {
  /** The name with `*` for the number of a block: `model.layers.*.self_attn.q_proj`. */
  readonly name: string;
  /** How many blocks have it. */
  readonly layers: number;
  /** Outputs and inputs of the first one. */
  readonly out: number;
  readonly inputs: number;
}

/** Matrices that are not linear layers: lookup tables and output layers. */
const NO_LAYER = /(^|\.)(shared|embed_tokens|lm_head|relative_attention_bias)\.weight$/;

/**
 * Every trainable module of a model, in the model's order.
 *
 * @param shapes parameters by Hugging Face name.
 */
export function targetModules(shapes: ReadonlyMap<string, readonly number[]>): TargetModule[] {
  const modules = new Map<string, TargetModule>();
  for (const [parameter, shape] of shapes) {
    if (shape.length !== 2 || NO_LAYER.test(parameter) || !parameter.endsWith('.weight')) continue;
    const name = parameter.replace(/\.weight$/, '').replace(/\.\d+(?=\.)/g, '.*');
    const known = modules.get(name);
    modules.set(
      name,
      known ? { ...known, layers: known.layers + 1 } : { name, layers: 1, out: shape[0], inputs: shape[1] },
    );
  }
  return [...modules.values()];
}

/**
 * Matches the layers of modules, in all blocks from the `first` one on; without modules, none. A second number in a
 * name, as in T5's `block.*.layer.*`, is that of a part of a block.
 */
export function layersOfModules(modules: readonly { name: string; layers: number; first: number }[]): RegExp {
  const patterns = modules.map(({ name, layers, first }) => {
    const blocks = Array.from({ length: layers - first }, (_, i) => first + i).join('|');
    return name.replace(/\./g, '\\.').replace('*', `(?:${blocks})`).replace(/\*/g, '\\d+');
  });
  return new RegExp(`^(?:${patterns.join('|') || '(?!)'})$`);
}
