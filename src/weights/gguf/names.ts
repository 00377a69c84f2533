/**
 * Names of tensors in GGUF files (gguf-py, `constants.py` and `tensor_mapping.py`) and those of the same tensors on the
 * hub. What llama.cpp's converter changes in their values is undone in tensors.ts.
 */

const ATTENTION: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
const BEFORE_FEED_FORWARD = { ffn_norm: 'post_attention_layernorm' };
/** Gemma 3 has norms on both sides of attention and of the feed-forward part. */
const GEMMA_NORMS = {
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
};
const DECODER: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

const T5: Readonly<Record<string, string>> = {
  token_embd: 'shared',
  output: 'lm_head',
  'enc.output_norm': 'encoder.final_layer_norm',
  'dec.output_norm': 'decoder.final_layer_norm',
};
const T5_STACKS: Readonly<Record<string, string>> = { enc: 'encoder', dec: 'decoder' };
const T5_SELF: Readonly<Record<string, string>> = {
  attn_norm: 'layer_norm',
  attn_q: 'SelfAttention.q',
  attn_k: 'SelfAttention.k',
  attn_v: 'SelfAttention.v',
  attn_o: 'SelfAttention.o',
  attn_rel_b: 'SelfAttention.relative_attention_bias',
};
const T5_CROSS: Readonly<Record<string, string>> = {
  cross_attn_norm: 'layer_norm',
  cross_attn_q: 'EncDecAttention.q',
  cross_attn_k: 'EncDecAttention.k',
  cross_attn_v: 'EncDecAttention.v',
  cross_attn_o: 'EncDecAttention.o',
  cross_attn_rel_b: 'EncDecAttention.relative_attention_bias',
};

/** @param isGated whether the feed-forward part has a gate: its matrices have other names then. */
const t5Dense = (isGated: boolean): Readonly<Record<string, string>> => ({
  ffn_norm: 'layer_norm',
  ffn_gate: 'DenseReluDense.wi_0',
  ffn_up: `DenseReluDense.${isGated ? 'wi_1' : 'wi'}`,
  ffn_down: 'DenseReluDense.wo',
});

/** The tensor with divisors of rotary frequencies: part of the config on the hub. */
export const ROTARY_FACTORS = 'rope_freqs.weight';

/** A tensor's name on the hub; the name itself if it has none there, so that a check of all names reports it. */
type NameOnHub = (name: string) => string;

const split = (name: string): [stem: string, end: string] => {
  const at = name.lastIndexOf('.');
  return [name.slice(0, at), name.slice(at)];
};

const decoderName =
  (norms: Readonly<Record<string, string>>): NameOnHub =>
  (name) => {
    const [stem, end] = split(name);
    if (Object.hasOwn(DECODER, stem)) return DECODER[stem] + end;
    const [, layer, part] = /^blk\.(\d+)\.(\w+)$/.exec(stem) ?? [];
    const parts = { ...ATTENTION, ...norms };
    return part !== undefined && Object.hasOwn(parts, part) ? `model.layers.${layer}.${parts[part]}${end}` : name;
  };

/** @param isGated as in {@link t5Dense}. */
const t5Name =
  (isGated: boolean): NameOnHub =>
  (name) => {
    const [stem, end] = split(name);
    if (Object.hasOwn(T5, stem)) return T5[stem] + end;
    const [, stack, layer, part] = /^(enc|dec)\.blk\.(\d+)\.(\w+)$/.exec(stem) ?? [];
    if (part === undefined) return name;
    const block = `${T5_STACKS[stack]}.block.${layer}.layer`;
    if (Object.hasOwn(T5_SELF, part)) return `${block}.0.${T5_SELF[part]}${end}`;
    if (stack === 'dec' && Object.hasOwn(T5_CROSS, part)) return `${block}.1.${T5_CROSS[part]}${end}`;
    const last = `${block}.${stack === 'dec' ? 2 : 1}`;
    const dense = t5Dense(isGated);
    return Object.hasOwn(dense, part) ? `${last}.${dense[part]}${end}` : name;
  };

/** How an architecture's tensors are named, and what the converter did to their values. */
export interface TensorRules {
  readonly nameOnHub: NameOnHub;
  /** Whether the two halves of each query and key head are interleaved, as LLaMA's first release had them. */
  readonly interleaves: boolean;
  /** Whether norms hold 1 + weight. */
  readonly addsOne: boolean;
}

/** @param names of the tensors in the file. */
export function tensorRules(architecture: string, names: { has(name: string): boolean }): TensorRules {
  if (architecture === 't5') {
    return { nameOnHub: t5Name(names.has('enc.blk.0.ffn_gate.weight')), interleaves: false, addsOne: false };
  }
  const isGemma = architecture === 'gemma3';
  return {
    nameOnHub: decoderName(isGemma ? GEMMA_NORMS : BEFORE_FEED_FORWARD),
    interleaves: architecture === 'llama' || architecture === 'smollm3',
    addsOne: isGemma,
  };
}

/** A parameter of a decoder as a file names it; undefined if it has no name there. */
export function decoderNameInFile(architecture: string, nameOnHub: string): string | undefined {
  const norms = architecture === 'gemma3' ? GEMMA_NORMS : BEFORE_FEED_FORWARD;
  const [stem, end] = split(nameOnHub);
  const whole = Object.entries(DECODER).find(([, hub]) => hub === stem);
  if (whole !== undefined) return whole[0] + end;
  const [, layer, part] = /^model\.layers\.(\d+)\.(.+)$/.exec(stem) ?? [];
  const found = Object.entries({ ...ATTENTION, ...norms }).find(([, hub]) => hub === part);
  return found && `blk.${layer}.${found[0]}${end}`;
}

/** A parameter of T5 as a file names it; undefined if it has no name there. */
export function t5NameInFile(nameOnHub: string): string | undefined {
  const [stem, end] = split(nameOnHub);
  const keyOf = (names: Readonly<Record<string, string>>, hub: string): string | undefined =>
    Object.keys(names).find((key) => names[key] === hub);
  const whole = keyOf(T5, stem);
  if (whole !== undefined) return whole + end;
  const [, stack, layer, at, part] = /^(encoder|decoder)\.block\.(\d+)\.layer\.(\d)\.(.+)$/.exec(stem) ?? [];
  if (part === undefined) return undefined;
  const isGated = part.endsWith('.wi_0') || part.endsWith('.wi_1');
  const groups = [T5_SELF, ...(stack === 'decoder' ? [T5_CROSS] : []), t5Dense(isGated)];
  const found = keyOf(groups[Number(at)] ?? {}, part);
  return found && `${keyOf(T5_STACKS, stack)}.blk.${layer}.${found}${end}`;
}
