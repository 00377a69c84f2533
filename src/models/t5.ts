import type { Graph } from '../graph/graph.ts';
import { attention, type AttentionInputs } from '../graph/ops/attention.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { activation, gatedActivation } from '../graph/ops/elementwise.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { rmsNorm } from '../graph/ops/norm.ts';
import { relativeBias } from '../graph/ops/position-bias.ts';
import type { Tensor } from '../graph/tensor.ts';
import { type KeyMemory, type KeyValue, type Layers, memorise } from './layers.ts';
import { positionBiasName, type T5Config } from './t5-config.ts';

/** The inputs of a T5 graph besides its parameters: u32 [distances], buckets of relative positions in each stack. */
interface T5Inputs {
  readonly encoderBuckets: Tensor;
  readonly decoderBuckets: Tensor;
}

/** The layers for the tokens of sources, and for those of answers. */
export interface T5Layers {
  readonly source: Layers;
  readonly answer: Layers;
}

/** Which tokens of answers see which of answers, and which of sources: u32 [R, 6] each, as for {@link attention}. */
interface AnswerSpans {
  readonly spans: Tensor;
  readonly cross: Tensor;
  /** How many spans of both ask, the first ones; all by default. */
  readonly asking?: number | undefined;
}

/**
 * T5 (v1.0 and v1.1) and umT5 as graph builder; T5ForConditionalGeneration of Hugging Face transformers. Letters in
 * shape comments: N tokens of sources, L of answers, D d_model.
 */
export class T5 {
  readonly #source: Layers;
  readonly #answer: Layers;
  readonly #inputs: T5Inputs;

  constructor(
    readonly config: T5Config,
    { source, answer }: T5Layers,
    inputs: T5Inputs,
  ) {
    this.#source = source;
    this.#answer = answer;
    this.#inputs = inputs;
  }

  /**
   * The encoder.
   *
   * @param ids u32 [1, N].
   * @param spans of the sources.
   * @param hidden collects the embedding and the output of every block, and last of the final norm (for tests).
   * @returns [1, N, D].
   */
  encode(g: Graph, ids: Tensor, spans: Tensor, hidden: Tensor[] = []): Tensor {
    const layers = this.#source;
    const { config } = this;
    const biasOf = this.#biases(g, 'encoder', layers, this.#inputs.encoderBuckets);
    let x = embedding(g, layers.parameter('shared.weight'), ids); // [1, N, D]
    hidden.push(x);
    for (let i = 0; i < config.numLayers; i++) {
      const [block, input] = [`encoder.block.${i}.layer`, x];
      x = g.block(() => {
        const y = norm(g, layers, config, `${block}.0`, input); // [1, N, D]
        const own = keyValue(g, layers, `${block}.0.SelfAttention`, y); // [1, N, H·d]
        const how = { ...own, spans, bias: biasOf(i), causal: false };
        const z = this.#attend(g, layers, `${block}.0.SelfAttention`, input, y, how); // [1, N, D]
        return this.#feedForward(g, layers, `${block}.1`, z); // [1, N, D]
      });
      hidden.push(x);
    }
    const memory = rmsNorm(g, x, layers.parameter('encoder.final_layer_norm.weight'), config.eps); // [1, N, D]
    hidden[hidden.length - 1] = memory;
    return memory;
  }

  /** Keys and values that decoder block `i` reads from the encoded sources; [1, N, H·d] each. */
  crossKeyValue(g: Graph, i: number, memory: Tensor): KeyValue {
    return keyValue(g, this.#source, `decoder.block.${i}.layer.1.EncDecAttention`, memory);
  }

  /**
   * The decoder.
   *
   * @param ids u32 [1, L]: the token before each one that is predicted.
   * @param sources keys and values of the sources for block `i`.
   * @param memory where keys and values of the answers are stored, and seen, so that later tokens see them too.
   * @param hidden as for {@link encode}.
   * @returns [1, L, D], after the final norm.
   */
  decode(
    g: Graph,
    ids: Tensor,
    { spans, cross, asking }: AnswerSpans,
    sources: (i: number) => KeyValue,
    { memory, hidden = [] }: { memory?: KeyMemory | undefined; hidden?: Tensor[] } = {},
  ): Tensor {
    const layers = this.#answer;
    const { config } = this;
    const biasOf = this.#biases(g, 'decoder', layers, this.#inputs.decoderBuckets);
    let x = embedding(g, layers.parameter('shared.weight'), ids); // [1, L, D]
    hidden.push(x);
    for (let i = 0; i < config.numDecoderLayers; i++) {
      const [block, input] = [`decoder.block.${i}.layer`, x];
      x = g.block(() => {
        const y = norm(g, layers, config, `${block}.0`, input); // [1, L, D]
        const own = keyValue(g, layers, `${block}.0.SelfAttention`, y); // [1, L, H·d]
        const seen = memory ? memorise(g, own, memory, i) : own;
        const how = { ...seen, spans, asking, bias: biasOf(i), causal: true, position: memory?.position };
        const z = this.#attend(g, layers, `${block}.0.SelfAttention`, input, y, how); // [1, L, D]
        const u = norm(g, layers, config, `${block}.1`, z); // [1, L, D]
        const across = { ...sources(i), spans: cross, asking, causal: false };
        const w = this.#attend(g, layers, `${block}.1.EncDecAttention`, z, u, across); // [1, L, D]
        return this.#feedForward(g, layers, `${block}.2`, w); // [1, L, D]
      });
      hidden.push(x);
    }
    const last = rmsNorm(g, x, layers.parameter('decoder.final_layer_norm.weight'), config.eps); // [1, L, D]
    hidden[hidden.length - 1] = last;
    return last;
  }

  /** The projection to scores over the vocabulary: x [1, L, D]. Tied models scale by D^-0.5. */
  projection(x: Tensor): Projection {
    const { tied, dModel } = this.config;
    const head = this.#answer.parameter(tied ? 'shared.weight' : 'lm_head.weight'); // [V, D]
    return { x, head, alpha: tied ? dModel ** -0.5 : 1 };
  }

  /** The position bias of each block, by distance: that of block 0 for all, or with `biasPerLayer` each its own. */
  #biases(g: Graph, stack: 'encoder' | 'decoder', layers: Layers, buckets: Tensor): (block: number) => Tensor {
    const ofBlock = (i: number): Tensor => relativeBias(g, layers.parameter(positionBiasName(stack, i)), buckets);
    if (this.config.biasPerLayer) return ofBlock;
    const shared = ofBlock(0);
    return () => shared;
  }

  /** x + o(attention(q(y), k, v)); T5 does not scale q·k. */
  #attend(
    g: Graph,
    layers: Layers,
    name: string,
    x: Tensor,
    y: Tensor,
    how: Omit<AttentionInputs, 'q' | 'heads' | 'keyHeads' | 'scale'>,
  ): Tensor {
    const { numHeads: heads } = this.config;
    const q = layers.linear(g, `${name}.q`, y); // [1, N, H·d]
    const out = attention(g, { q, ...how, heads, keyHeads: heads, scale: 1 }); // [1, N, H·d]
    return layers.linear(g, `${name}.o`, out, x); // [1, N, D]
  }

  #feedForward(g: Graph, layers: Layers, layer: string, x: Tensor): Tensor {
    const { gated, activation: kind } = this.config;
    const dense = `${layer}.DenseReluDense`;
    const y = norm(g, layers, this.config, layer, x); // [1, N, D]
    const part = (name: string): Tensor => layers.linear(g, `${dense}.${name}`, y); // [1, N, F]
    const inner = gated ? gatedActivation(g, kind, part('wi_0'), part('wi_1')) : activation(g, kind, part('wi'));
    return layers.linear(g, `${dense}.wo`, inner, x); // [1, N, D]
  }
}

const norm = (g: Graph, layers: Layers, { eps }: T5Config, layer: string, x: Tensor): Tensor =>
  rmsNorm(g, x, layers.parameter(`${layer}.layer_norm.weight`), eps);

const keyValue = (g: Graph, layers: Layers, name: string, x: Tensor): KeyValue => ({
  k: layers.linear(g, `${name}.k`, x),
  v: layers.linear(g, `${name}.v`, x),
});
