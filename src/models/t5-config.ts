import type { Activation } from '../graph/ops/elementwise.ts';
import { ConfigReader } from './config.ts';

/** The part of a T5 config that changes the computation; T5Config and UMT5Config of Hugging Face transformers. */
export interface T5Config {
  vocabSize: number;
  dModel: number;
  /** Size of a head; heads · dKv need not be dModel. */
  dKv: number;
  dFf: number;
  numHeads: number;
  numLayers: number;
  numDecoderLayers: number;
  buckets: number;
  maxDistance: number;
  /** Whether every layer has its own position bias, instead of sharing the first. */
  biasPerLayer: boolean;
  eps: number;
  /** Plain with wi, wo (v1.0: relu); gated with wi_0, wi_1, wo (v1.1: gelu_new). */
  activation: Activation;
  gated: boolean;
  /** Tied: the output layer is the embedding, its input scaled by dModel^-0.5. */
  tied: boolean;
  padId: number;
  /** Tokens that end an answer. */
  endIds: number[];
  startId: number;
}

/** `feed_forward_proj` as T5Config reads it: "gated-gelu" means gelu_new, for compatibility with published files. */
const FEED_FORWARD: Readonly<Record<string, { activation: Activation; gated: boolean }>> = {
  relu: { activation: 'relu', gated: false },
  silu: { activation: 'silu', gated: false },
  gelu_new: { activation: 'gelu_new', gated: false },
  'gated-relu': { activation: 'relu', gated: true },
  'gated-silu': { activation: 'silu', gated: true },
  'gated-gelu': { activation: 'gelu_new', gated: true },
  'gated-gelu_new': { activation: 'gelu_new', gated: true },
};

/** How a relative of T5 differs from it: what its configuration class in transformers defines. */
export interface T5Traits {
  /** `model_type` of config.json. */
  readonly modelType: string;
  readonly architectures: readonly string[];
  readonly biasPerLayer: boolean;
  /** The default of `feed_forward_proj`. */
  readonly feedForward: string;
}

/** T5 v1.0 and v1.1, Flan-T5, ByT5. */
export const T5_TRAITS: T5Traits = {
  modelType: 't5',
  architectures: ['T5ForConditionalGeneration', 'T5WithLMHeadModel'], // T5's first files have the latter
  biasPerLayer: false,
  feedForward: 'relu',
};

/** umT5: a position bias in every layer. */
const UMT5_TRAITS: T5Traits = {
  modelType: 'umt5',
  architectures: ['UMT5ForConditionalGeneration'],
  biasPerLayer: true,
  feedForward: 'gated-gelu',
};

/** T5 and all supported relatives. */
export const T5_FAMILY: readonly T5Traits[] = [T5_TRAITS, UMT5_TRAITS];

/**
 * Reads config.json. Dropout of the base model (`dropout_rate`) is not applied in training; adapters have their own.
 *
 * @throws GorpError `model/bad-config`, naming the field; `model/quantised-checkpoint`.
 */
export function parseT5Config(traits: T5Traits, config: unknown): T5Config {
  const { modelType, architectures, biasPerLayer, feedForward } = traits;
  const read = ConfigReader.from(config, modelType);
  read.choice('model_type', [modelType]);
  read.architecture(architectures);
  read.refuseQuantised();
  const vocabSize = read.size('vocab_size');
  const numLayers = read.layers('num_layers');
  const { activation, gated } = FEED_FORWARD[read.choice('feed_forward_proj', Object.keys(FEED_FORWARD), feedForward)];
  // Later versions of transformers save tie_word_embeddings = true for every T5, and use scale_decoder_outputs to say
  // whether the output layer is the embedding.
  const saysTied = read.flag('tie_word_embeddings', true);
  const tied = read.flag('scale_decoder_outputs', saysTied);
  if (tied && !saysTied) throw read.refuse('scale_decoder_outputs', 'false, like tie_word_embeddings');
  read.refuseUnlessNeutral({
    dense_act_fn: [activation],
    is_gated_act: [gated],
    is_encoder_decoder: [true],
    is_decoder: [false],
    tie_encoder_decoder: [false],
    num_experts: [0],
  });
  const buckets = read.size('relative_attention_num_buckets', 32);
  // Each direction has half of the encoder's buckets, and half of these stand for a single distance each.
  if (buckets < 4) throw read.refuse('relative_attention_num_buckets', 'at least 4');
  const maxDistance = read.size('relative_attention_max_distance', 128);
  if (maxDistance <= buckets / 2) throw read.refuse('relative_attention_max_distance', `more than ${buckets / 2}`);
  return {
    vocabSize,
    dModel: read.size('d_model'),
    dKv: read.size('d_kv'),
    dFf: read.size('d_ff'),
    numHeads: read.size('num_heads'),
    numLayers,
    numDecoderLayers: read.layers('num_decoder_layers', numLayers),
    buckets,
    maxDistance,
    biasPerLayer,
    eps: read.positive('layer_norm_epsilon', 1e-6),
    activation,
    gated,
    tied,
    padId: read.token('pad_token_id', vocabSize, 0),
    endIds: read.tokens('eos_token_id', vocabSize, 1),
    startId: read.token('decoder_start_token_id', vocabSize, 0),
  };
}

/** Hugging Face names and shapes of all parameters. */
export function t5ParameterShapes(config: T5Config): Map<string, number[]> {
  const { dModel, dFf, vocabSize } = config;
  const inner = config.numHeads * config.dKv;
  const shapes = new Map<string, number[]>([['shared.weight', [vocabSize, dModel]]]);
  const attention = (name: string): void => {
    for (const part of ['q', 'k', 'v']) shapes.set(`${name}.${part}.weight`, [inner, dModel]);
    shapes.set(`${name}.o.weight`, [dModel, inner]);
  };
  for (const [stack, layers] of [
    ['encoder', config.numLayers],
    ['decoder', config.numDecoderLayers],
  ] as const) {
    for (let i = 0; i < layers; i++) {
      const block = `${stack}.block.${i}.layer`;
      attention(`${block}.0.SelfAttention`);
      shapes.set(`${block}.0.layer_norm.weight`, [dModel]);
      if (i === 0 || config.biasPerLayer) {
        shapes.set(positionBiasName(stack, i), [config.buckets, config.numHeads]);
      }
      let last = 1;
      if (stack === 'decoder') {
        attention(`${block}.1.EncDecAttention`);
        shapes.set(`${block}.1.layer_norm.weight`, [dModel]);
        last = 2;
      }
      const dense = `${block}.${last}.DenseReluDense`;
      for (const wi of config.gated ? ['wi_0', 'wi_1'] : ['wi']) shapes.set(`${dense}.${wi}.weight`, [dFf, dModel]);
      shapes.set(`${dense}.wo.weight`, [dModel, dFf]);
      shapes.set(`${block}.${last}.layer_norm.weight`, [dModel]);
    }
    shapes.set(`${stack}.final_layer_norm.weight`, [dModel]);
  }
  if (!config.tied) shapes.set('lm_head.weight', [vocabSize, dModel]);
  return shapes;
}

/** The position bias of a layer's attention to its own stack. */
export const positionBiasName = (stack: 'encoder' | 'decoder', layer: number): string =>
  `${stack}.block.${layer}.layer.0.SelfAttention.relative_attention_bias.weight`;

/** Other names of the embedding, which both stacks share, and of the output layer if it is tied. */
export function tiedT5Names(parameter: string, { tied }: Pick<T5Config, 'tied'>): string[] {
  if (parameter !== 'shared.weight') return [];
  return ['encoder.embed_tokens.weight', 'decoder.embed_tokens.weight', ...(tied ? ['lm_head.weight'] : [])];
}

/**
 * Names in published T5 checkpoints that are not needed: copies of the embedding, and an unused table
 * (decoder.block.0.layer.1.EncDecAttention.relative_attention_bias).
 */
export function isRedundantT5Name(name: string, config: T5Config): boolean {
  return (
    tiedT5Names('shared.weight', config).includes(name) ||
    name === 'decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight'
  );
}

/**
 * Bucket of a relative position (key − query): T5Attention._relative_position_bucket. Near positions have a bucket
 * each, far ones share logarithmic buckets up to `maxDistance`.
 */
export function relativePositionBucket(
  relative: number,
  bidirectional: boolean,
  buckets: number,
  maxDistance: number,
): number {
  let count = buckets;
  let base = 0;
  let distance = relative;
  if (bidirectional) {
    count = Math.floor(count / 2);
    if (distance > 0) base = count;
    distance = Math.abs(distance);
  } else {
    distance = Math.max(-distance, 0);
  }
  const exact = Math.floor(count / 2);
  if (distance < exact) return base + distance;
  // Hugging Face computes this in float32; the same rounding gives the same borders between buckets.
  const f = Math.fround;
  const ratio = f(f(Math.log(f(distance / exact))) / f(Math.log(maxDistance / exact)));
  return base + Math.min(count - 1, exact + Math.floor(f(ratio * (count - exact))));
}
