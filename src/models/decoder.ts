import type { Graph } from '../graph/graph.ts';
import { attention } from '../graph/ops/attention.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { addBias, gatedActivation, scale } from '../graph/ops/elementwise.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { rmsNorm } from '../graph/ops/norm.ts';
import { rotary, type RotaryLookup } from '../graph/ops/rotary.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { DecoderConfig } from './decoder-config.ts';
import { type KeyMemory, type Layers, memorise } from './layers.ts';

/** The positions of a text's tokens, and the model's rotary tables. */
interface TextPlaces extends Pick<RotaryLookup, 'positions' | 'offset'> {
  readonly tables: readonly Tensor[];
}

/** The tensors that all graphs of a decoder-only model read, apart from parameters and a batch. */
export interface Constants {
  /** f32 [reach, d] for each of the model's rotary settings: cos and sin of all positions. */
  readonly tables: readonly Tensor[];
  /** u32 [1]: 0. */
  readonly zero: Tensor;
}

/**
 * A decoder-only model as graph builder: LlamaForCausalLM of Hugging Face transformers and its relatives, depending on
 * the config. Letters in shape comments: N tokens, D hidden_size, H heads and Hk key heads of size d, F
 * intermediate_size, V vocabulary.
 */
export class Decoder {
  readonly #layers: Layers;

  constructor(
    readonly config: DecoderConfig,
    layers: Layers,
  ) {
    this.#layers = layers;
  }

  /**
   * Texts of any length, one after another, which may share beginnings.
   *
   * @param ids u32 [1, N].
   * @param spans u32 [R, 6]: which tokens see which, as for {@link attention}.
   * @param at the tokens' positions; its `start` is [1, N].
   * @param memory where keys and values are stored, and seen, so that later tokens see them too.
   * @param asking how many spans ask, the first ones; all by default.
   * @param hidden collects the embedding and every layer's output, the last after the final norm (for tests).
   * @returns the last hidden states after the final norm, [1, N, D].
   */
  read(
    g: Graph,
    ids: Tensor,
    spans: Tensor,
    at: TextPlaces,
    { memory, asking, hidden = [] }: { memory?: KeyMemory | undefined; asking?: number; hidden?: Tensor[] } = {},
  ): Tensor {
    const { layers, outputNorms, embeddingScale, numHeads, numKeyHeads, attentionScale } = this.config;
    const heads = { heads: numHeads, keyHeads: numKeyHeads, scale: attentionScale };
    const embedded = embedding(g, this.#layers.parameter('model.embed_tokens.weight'), ids); // [1, N, D]
    let x = scale(g, embedded, embeddingScale); // [1, N, D]
    hidden.push(x);
    for (let i = 0; i < layers.length; i++) {
      const [layer, input] = [`model.layers.${i}`, x];
      x = g.block(() => {
        const y = this.#norm(g, `${layer}.input_layernorm`, input); // [1, N, D]
        const [q, k] = this.#turned(g, i, y, at); // [1, N, H·d], [1, N, Hk·d]
        const v = this.#linear(g, `${layer}.self_attn.v_proj`, y); // [1, N, Hk·d]
        const known = memory ? memorise(g, { k, v }, memory, i) : { k, v };
        const how = { ...heads, spans, asking, causal: true, window: layers[i].window, position: memory?.position };
        const seen = attention(g, { q, ...known, ...how }); // [1, N, H·d]
        if (!outputNorms) {
          const attended = this.#linear(g, `${layer}.self_attn.o_proj`, seen, input); // [1, N, D]
          const z = this.#norm(g, `${layer}.post_attention_layernorm`, attended); // [1, N, D]
          return this.#feedForward(g, `${layer}.mlp`, z, attended); // [1, N, D]
        }
        const out = this.#linear(g, `${layer}.self_attn.o_proj`, seen); // [1, N, D]
        const attended = this.#norm(g, `${layer}.post_attention_layernorm`, out, input); // [1, N, D]
        const z = this.#norm(g, `${layer}.pre_feedforward_layernorm`, attended); // [1, N, D]
        const fed = this.#feedForward(g, `${layer}.mlp`, z); // [1, N, D]
        return this.#norm(g, `${layer}.post_feedforward_layernorm`, fed, attended); // [1, N, D]
      });
      hidden.push(x);
    }
    const last = this.#norm(g, 'model.norm', x); // [1, N, D]
    hidden[hidden.length - 1] = last;
    return last;
  }

  /** The projection to scores over the vocabulary: x [1, N, D]. */
  projection(x: Tensor): Projection {
    const head = this.#layers.parameter(this.config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight'); // [V, D]
    return { x, head, alpha: 1 };
  }

  /** Queries and keys of a layer, normalised by head and rotated if the family does so: y [1, N, D]. */
  #turned(g: Graph, i: number, y: Tensor, { tables, positions, offset }: TextPlaces): Tensor[] {
    const { headNorms, layers } = this.config;
    const normed = ['q', 'k'].map((part) => {
      const name = `model.layers.${i}.self_attn.${part}`;
      const projected = this.#linear(g, `${name}_proj`, y);
      return headNorms ? this.#norm(g, `${name}_norm`, projected) : projected;
    });
    const { rotary: table } = layers[i];
    if (table === null) return normed;
    const lookup = { table: tables[table], positions, offset };
    // A prompt that is only read needs no queries of the last layer, so there they are not computed along with the keys.
    const isLast = i === layers.length - 1;
    return isLast ? normed.flatMap((x) => rotary(g, [x], lookup)) : rotary(g, normed, lookup);
  }

  /** down(f(gate(z)) · up(z)) [+ addend]: z [1, N, D] → [1, N, D]. */
  #feedForward(g: Graph, name: string, z: Tensor, addend?: Tensor): Tensor {
    const gate = this.#linear(g, `${name}.gate_proj`, z); // [1, N, F]
    const up = this.#linear(g, `${name}.up_proj`, z); // [1, N, F]
    return this.#linear(g, `${name}.down_proj`, gatedActivation(g, this.config.activation, gate, up), addend);
  }

  /** A linear layer with its bias, if any. */
  #linear(g: Graph, name: string, x: Tensor, addend?: Tensor): Tensor {
    const { qkv, o, mlp } = this.config.biases;
    const hasBias = name.includes('.mlp.') ? mlp : name.endsWith('.o_proj') ? o : qkv;
    const y = this.#layers.linear(g, name, x, addend);
    return hasBias ? addBias(g, y, this.#layers.parameter(`${name}.bias`)) : y;
  }

  #norm(g: Graph, name: string, x: Tensor, addend?: Tensor): Tensor {
    const { eps, normAddsOne } = this.config;
    return rmsNorm(g, x, this.#layers.parameter(`${name}.weight`), eps, { offset: normAddsOne ? 1 : 0, addend });
  }
}
