import type { Graph } from '../graph/graph.ts';
import { attention, type AttentionInputs } from '../graph/ops/attention.ts';
import type { Projection } from '../graph/ops/cross-entropy.ts';
import { gatedActivation } from '../graph/ops/elementwise.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { appendToCache } from '../graph/ops/generation.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { mergedAttention } from '../graph/ops/merged-attention.ts';
import { rmsNorm } from '../graph/ops/norm.ts';
import { rotary, type RotaryLookup } from '../graph/ops/rotary.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { KeyValue, Layers } from './layers.ts';
import type { LlamaConfig } from './llama-config.ts';

/** Keys and values of prompts that answers are read behind. */
export interface Prompts {
  /** Per layer [Bp, P, Hk·d]; Bp divides the number of answers, those of one prompt side by side. */
  readonly keyValues: readonly KeyValue[];
  /** f32 [Bp, P]: 0 hides padding. */
  readonly mask: Tensor;
}

/**
 * LLaMA as graph builder; LlamaForCausalLM of Hugging Face transformers. Letters in shape comments: B batch, S tokens,
 * D hidden_size, H heads and Hk key heads of size d, F intermediate_size, V vocabulary.
 */
export class Llama {
  constructor(
    readonly config: LlamaConfig,
    private readonly layers: Layers,
  ) {}

  /**
   * Whole texts, padded on the left or on the right.
   *
   * @param ids u32 [B, S].
   * @param mask f32 [B, S]: 0 for padding, whose places keep numbers without meaning.
   * @param at where the tokens stand; its `start` is [B].
   * @param hidden collects the embedding and the output of every layer, of the last behind the final norm (for tests).
   * @returns the last hidden states behind the final norm [B, S, D], and per layer the keys and values.
   */
  read(
    g: Graph,
    ids: Tensor,
    mask: Tensor,
    at: RotaryLookup,
    hidden: Tensor[] = [],
  ): { last: Tensor; keyValues: KeyValue[] } {
    const keyValues: KeyValue[] = [];
    const last = this.#stack(g, ids, at, hidden, (_, q, own) => {
      keyValues.push(own);
      return attention(g, { ...this.#heads(q, own), mask, causal: true }); // [B, S, H·d]
    });
    return { last, keyValues };
  }

  /**
   * Answers to prompts that have been read.
   *
   * @param ids u32 [R, T]: the last token of the prompt, then the answer; R = prompts · answers of each.
   * @param mask f32 [R, T], all ones: what is padded on the right is seen by padding alone.
   * @param at its `start` is [prompts]: position of the prompt's last token; or [R, T], the position of every token.
   * @param hiding f32 [1, T, T], added to the scores, where tokens do not stand in a line.
   * @returns [R, T, D], behind the final norm.
   */
  answer(g: Graph, ids: Tensor, mask: Tensor, at: RotaryLookup, prompts: Prompts, hiding?: Tensor): Tensor {
    return this.#stack(g, ids, at, [], (i, q, own) =>
      mergedAttention(g, this.#onPrompt(q, prompts, i), { ...this.#heads(q, own), mask, causal: true, bias: hiding }),
    );
  }

  /**
   * One step of an answer with caches: reads the token at `position`, appends its keys and values.
   *
   * @param ids u32 [B, 1].
   * @param at its `start` is [B], position of the prompt's last token, to which `position` is added.
   * @param caches per layer [B, capacity, Hk·d] each, persistent.
   * @param cacheMask f32 [B, capacity], all ones: what lies ahead is hidden by the causal rule.
   * @returns [B, 1, D], behind the final norm.
   */
  answerStep(
    g: Graph,
    ids: Tensor,
    at: RotaryLookup,
    caches: readonly KeyValue[],
    cacheMask: Tensor,
    prompts: Prompts,
  ): Tensor {
    const { position } = at;
    return this.#stack(g, ids, at, [], (i, q, own) => {
      appendToCache(g, own.k, position, caches[i].k);
      appendToCache(g, own.v, position, caches[i].v);
      const answer = { ...this.#heads(q, caches[i]), mask: cacheMask, causal: true, position };
      return mergedAttention(g, this.#onPrompt(q, prompts, i), answer); // [B, 1, H·d]
    });
  }

  /** What the scores over the vocabulary are computed from: x [B, S, D]. */
  projection(x: Tensor): Projection {
    const head = this.layers.parameter(this.config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight'); // [V, D]
    return { x, head, alpha: 1 };
  }

  /** Scores over the vocabulary: [B, S, D] → [B, S, V]. */
  logits(g: Graph, x: Tensor): Tensor {
    return matmul(g, x, this.projection(x).head, { layout: 'nt' });
  }

  /** Every layer; `attend` gives the attention of a layer from its queries and its own keys and values, rotated. */
  #stack(
    g: Graph,
    ids: Tensor,
    at: RotaryLookup,
    hidden: Tensor[],
    attend: (layer: number, q: Tensor, own: KeyValue) => Tensor,
  ): Tensor {
    const { numLayers, numHeads, numKeyHeads, activation } = this.config;
    const linear: typeof this.layers.linear = (...parts) => this.layers.linear(...parts);
    let x = embedding(g, this.layers.parameter('model.embed_tokens.weight'), ids); // [B, S, D]
    hidden.push(x);
    for (let i = 0; i < numLayers; i++) {
      const [layer, input] = [`model.layers.${i}`, x];
      x = g.block(() => {
        const y = this.#norm(g, `${layer}.input_layernorm`, input); // [B, S, D]
        const q = rotary(g, linear(g, `${layer}.self_attn.q_proj`, y), numHeads, at); // [B, S, H·d]
        const k = rotary(g, linear(g, `${layer}.self_attn.k_proj`, y), numKeyHeads, at); // [B, S, Hk·d]
        const v = linear(g, `${layer}.self_attn.v_proj`, y); // [B, S, Hk·d]
        const attended = linear(g, `${layer}.self_attn.o_proj`, attend(i, q, { k, v }), input); // [B, S, D]
        const z = this.#norm(g, `${layer}.post_attention_layernorm`, attended); // [B, S, D]
        const inner = gatedActivation(
          g,
          activation,
          linear(g, `${layer}.mlp.gate_proj`, z), // [B, S, F]
          linear(g, `${layer}.mlp.up_proj`, z), // [B, S, F]
        );
        return linear(g, `${layer}.mlp.down_proj`, inner, attended); // [B, S, D]
      });
      hidden.push(x);
    }
    const last = this.#norm(g, 'model.norm', x); // [B, S, D]
    hidden[hidden.length - 1] = last;
    return last;
  }

  #norm(g: Graph, name: string, x: Tensor): Tensor {
    return rmsNorm(g, x, this.layers.parameter(`${name}.weight`), this.config.eps);
  }

  #heads(q: Tensor, { k, v }: KeyValue): Pick<AttentionInputs, 'q' | 'k' | 'v' | 'heads' | 'keyHeads' | 'scale'> {
    const { numHeads, numKeyHeads, headDim } = this.config;
    return { q, k, v, heads: numHeads, keyHeads: numKeyHeads, scale: headDim ** -0.5 };
  }

  #onPrompt(q: Tensor, { keyValues, mask }: Prompts, layer: number): AttentionInputs {
    return { ...this.#heads(q, keyValues[layer]), mask, causal: false };
  }
}
