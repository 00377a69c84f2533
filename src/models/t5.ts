import type { Graph } from '../graph/graph.ts';
import { attention } from '../graph/ops/attention.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { activation, gatedActivation } from '../graph/ops/elementwise.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { appendToCaches } from '../graph/ops/generation.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { rmsNorm } from '../graph/ops/norm.ts';
import { rowAttention } from '../graph/ops/row-attention.ts';
import { type BucketLookup, pairwiseBias, relativeBias } from '../graph/ops/position-bias.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { KeyValue, Layers } from './layers.ts';
import { positionBiasName, type T5Config } from './t5-config.ts';

/**
 * What a T5 graph needs, apart from its parameters. Letters in shape comments: B batch, S source, T target, D d_model.
 */
export interface T5Inputs {
  /** Buckets of relative positions, for the encoder and for the decoder. */
  encoderBuckets: BucketLookup;
  decoderBuckets: BucketLookup;
}

/** Which keys queries see: those of a table of spans, or those that a mask does not hide. */
export type Sight = { readonly spans: Tensor } | { readonly mask: Tensor };

/** T5 (v1.0 and v1.1) and umT5 as graph builder; T5ForConditionalGeneration of Hugging Face transformers. */
export class T5 {
  readonly #layers: Layers;
  readonly #inputs: T5Inputs;

  constructor(
    readonly config: T5Config,
    layers: Layers,
    inputs: T5Inputs,
  ) {
    this.#layers = layers;
    this.#inputs = inputs;
  }

  /**
   * The encoder.
   *
   * @param ids u32 [B, S].
   * @param spans of the sources, see {@link spansOfRows}.
   * @param hidden collects the embedding and the output of every block, and last of the final norm (for tests).
   * @returns [B, S, D].
   */
  encode(g: Graph, ids: Tensor, spans: Tensor, hidden: Tensor[] = []): Tensor {
    const layers = this.#layers,
      { config } = this;
    const [, S] = ids.shape;
    const biasOf = this.#biases('encoder', (table) => relativeBias(g, table, this.#inputs.encoderBuckets, S, S));
    let x = embedding(g, layers.parameter('shared.weight'), ids); // [B, S, D]
    hidden.push(x);
    for (let i = 0; i < config.numLayers; i++) {
      const [block, input] = [`encoder.block.${i}.layer`, x];
      x = g.block(() => {
        const y = this.#norm(g, `${block}.0`, input); // [B, S, D]
        const own = this.#keyValue(g, `${block}.0.SelfAttention`, y); // [B, S, H·d]
        const how = { bias: biasOf(i), causal: false };
        const z = this.#attend(g, `${block}.0.SelfAttention`, input, y, own, { spans }, how); // [B, S, D]
        return this.#feedForward(g, `${block}.1`, z); // [B, S, D]
      });
      hidden.push(x);
    }
    const memory = rmsNorm(g, x, layers.parameter('encoder.final_layer_norm.weight'), config.eps); // [B, S, D]
    hidden[hidden.length - 1] = memory;
    return memory;
  }

  /** Keys and values that decoder block `i` reads from the encoded source; [B, S, H·d] each. */
  crossKeyValue(g: Graph, i: number, memory: Tensor): KeyValue {
    return this.#keyValue(g, `decoder.block.${i}.layer.1.EncDecAttention`, memory);
  }

  /**
   * The decoder on whole target sequences.
   *
   * @param ids u32 [B, T]: labels shifted right, after the start token.
   * @param own of the targets; a mask [B, T] is all ones, as in Hugging Face without a decoder mask.
   * @param cross keys and values of the source for block `i`; their batch divides B if targets share a source.
   * @param source of the sources.
   * @param pairs u32 [T, T], buckets of relative positions for {@link pairwiseBias}, if tokens are not in sequence.
   * @returns [B, T, D], after the final norm.
   */
  decode(
    g: Graph,
    ids: Tensor,
    own: Sight,
    cross: (i: number) => KeyValue,
    source: Sight,
    hidden: Tensor[] = [],
    pairs?: Tensor,
  ): Tensor {
    const [, T] = ids.shape;
    const biasOf = this.#biases('decoder', (table) =>
      pairs ? pairwiseBias(g, table, pairs) : relativeBias(g, table, this.#inputs.decoderBuckets, T, T),
    );
    let x = embedding(g, this.#layers.parameter('shared.weight'), ids); // [B, T, D]
    hidden.push(x);
    for (let i = 0; i < this.config.numDecoderLayers; i++) {
      const [block, input] = [`decoder.block.${i}.layer`, x];
      x = g.block(() => {
        const y = this.#norm(g, `${block}.0`, input); // [B, T, D]
        const keyValue = this.#keyValue(g, `${block}.0.SelfAttention`, y); // [B, T, H·d]
        const how = { bias: biasOf(i), causal: true };
        const z = this.#attend(g, `${block}.0.SelfAttention`, input, y, keyValue, own, how); // [B, T, D]
        return this.#crossAttendAndFeed(g, block, z, cross(i), source); // [B, T, D]
      });
      hidden.push(x);
    }
    const last = this.#finalNorm(g, x); // [B, T, D]
    hidden[hidden.length - 1] = last;
    return last;
  }

  /**
   * One step of the decoder with caches: reads the token at `position` and appends its keys and values.
   *
   * @param ids u32 [B, 1].
   * @param position u32 [1].
   * @param caches per block, [B, capacity, H·d] each, persistent.
   * @param cacheMask f32 [B, capacity], all ones: the causal rule hides later tokens.
   * @returns [B, 1, D].
   */
  decodeStep(
    g: Graph,
    ids: Tensor,
    position: Tensor,
    caches: readonly KeyValue[],
    cacheMask: Tensor,
    cross: readonly KeyValue[],
    mask: Tensor,
  ): Tensor {
    const capacity = caches[0].k.shape[1];
    const lookup = { ...this.#inputs.decoderBuckets, position };
    const biasOf = this.#biases('decoder', (table) => relativeBias(g, table, lookup, 1, capacity));
    let x = embedding(g, this.#layers.parameter('shared.weight'), ids); // [B, 1, D]
    caches.forEach((cache, i) => {
      const block = `decoder.block.${i}.layer`;
      const y = this.#norm(g, `${block}.0`, x); // [B, 1, D]
      const own = this.#keyValue(g, `${block}.0.SelfAttention`, y); // [B, 1, H·d]
      appendToCaches(g, own, position, cache);
      const how = { bias: biasOf(i), causal: true, position };
      x = this.#attend(g, `${block}.0.SelfAttention`, x, y, cache, { mask: cacheMask }, how); // [B, 1, D]
      x = this.#crossAttendAndFeed(g, block, x, cross[i], { mask }); // [B, 1, D]
    });
    return this.#finalNorm(g, x); // [B, 1, D]
  }

  /** The projection to scores over the vocabulary: x [B, T, D]. Tied models scale by D^-0.5. */
  projection(x: Tensor): Projection {
    const { tied, dModel } = this.config;
    const head = this.#layers.parameter(tied ? 'shared.weight' : 'lm_head.weight'); // [V, D]
    return { x, head, alpha: tied ? dModel ** -0.5 : 1 };
  }

  /** Scores over the vocabulary: [B, T, D] → [B, T, V]. */
  logits(g: Graph, x: Tensor): Tensor {
    const { head, alpha } = this.projection(x);
    return matmul(g, x, head, { layout: 'nt', alpha }); // [B, T, V]
  }

  /** The position bias of each block, by distance or [H, Sq, Sk]: that of block 0 for all, or with `biasPerLayer` each its own. */
  #biases(stack: 'encoder' | 'decoder', make: (table: Tensor) => Tensor): (block: number) => Tensor {
    const ofBlock = (i: number): Tensor => make(this.#layers.parameter(positionBiasName(stack, i)));
    if (this.config.biasPerLayer) return ofBlock;
    const shared = ofBlock(0);
    return () => shared;
  }

  #norm(g: Graph, layer: string, x: Tensor): Tensor {
    return rmsNorm(g, x, this.#layers.parameter(`${layer}.layer_norm.weight`), this.config.eps);
  }

  #finalNorm(g: Graph, x: Tensor): Tensor {
    return rmsNorm(g, x, this.#layers.parameter('decoder.final_layer_norm.weight'), this.config.eps);
  }

  #keyValue(g: Graph, name: string, x: Tensor): KeyValue {
    return { k: this.#layers.linear(g, `${name}.k`, x), v: this.#layers.linear(g, `${name}.v`, x) };
  }

  /** x + o(attention(q(y), k, v)); T5 does not scale q·k. */
  #attend(
    g: Graph,
    name: string,
    x: Tensor,
    y: Tensor,
    { k, v }: KeyValue,
    sight: Sight,
    { bias, causal, position }: { bias?: Tensor; causal: boolean; position?: Tensor },
  ): Tensor {
    const { numHeads: heads } = this.config;
    const q = this.#layers.linear(g, `${name}.q`, y); // [B, T, H·d]
    const at = { q, k, v, heads, keyHeads: heads, scale: 1, bias, causal };
    const out = 'spans' in sight ? rowAttention(g, { ...at, ...sight }) : attention(g, { ...at, ...sight, position }); // [B, T, H·d]
    return this.#layers.linear(g, `${name}.o`, out, x); // [B, T, D]
  }

  #crossAttendAndFeed(g: Graph, block: string, x: Tensor, cross: KeyValue, source: Sight): Tensor {
    const y = this.#norm(g, `${block}.1`, x); // [B, T, D]
    const z = this.#attend(g, `${block}.1.EncDecAttention`, x, y, cross, source, { causal: false }); // [B, T, D]
    return this.#feedForward(g, `${block}.2`, z); // [B, T, D]
  }

  #feedForward(g: Graph, layer: string, x: Tensor): Tensor {
    const { gated, activation: kind } = this.config;
    const dense = `${layer}.DenseReluDense`;
    const y = this.#norm(g, layer, x); // [B, T, D]
    const inner = gated
      ? gatedActivation(
          g,
          kind,
          this.#layers.linear(g, `${dense}.wi_0`, y), // [B, T, F]
          this.#layers.linear(g, `${dense}.wi_1`, y), // [B, T, F]
        )
      : activation(g, kind, this.#layers.linear(g, `${dense}.wi`, y)); // [B, T, F]
    return this.#layers.linear(g, `${dense}.wo`, inner, x); // [B, T, D]
  }
}
