import type { Graph } from '../graph/graph.ts';
import type { AttentionInputs } from '../graph/ops/attention.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { addBias, gatedActivation, scale } from '../graph/ops/elementwise.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { appendToCaches } from '../graph/ops/generation.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { mergedAttention } from '../graph/ops/merged-attention.ts';
import { rmsNorm } from '../graph/ops/norm.ts';
import { rotary, type RotaryLookup } from '../graph/ops/rotary.ts';
import { rowAttention } from '../graph/ops/row-attention.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { DecoderConfig } from './decoder-config.ts';
import type { KeyValue, Layers } from './layers.ts';

/** Keys and values of prompts, shared by answers, or of the beginning that prompts share. */
export interface Prompts {
  /** Per layer [Bp, P, Hk·d]; Bp divides the number of texts that share them, and those that share one are adjacent. */
  readonly keyValues: readonly KeyValue[];
  /** f32 [Bp, P]: 0 hides padding. */
  readonly mask: Tensor;
}

/** The positions of a text's tokens, and the model's rotary tables. */
export interface TextPlaces extends Pick<RotaryLookup, 'start' | 'position'> {
  readonly tables: readonly Tensor[];
}

/** What all graphs of a decoder-only model read, apart from parameters and a batch. */
export interface Constants {
  /** f32 [reach, d] for each of the model's rotary settings: cos and sin of all positions. */
  readonly tables: readonly Tensor[];
  /** u32 [1]: 0. */
  readonly zero: Tensor;
}

/** The bias added to scores that hides keys from queries not in sequence: f32, for a window or none (null). */
export interface HiddenPairs {
  /** [1, T, P]: for the prompt; without a window, nothing is hidden. */
  readonly prompt: (window: number | null) => Tensor | undefined;
  /** [1, T, T]: for the answer itself. */
  readonly own: (window: number | null) => Tensor;
}

/**
 * A decoder-only model as graph builder: LlamaForCausalLM of Hugging Face transformers and its relatives, depending on
 * the config. Letters in shape comments: B batch, S tokens, D hidden_size, H heads and Hk key heads of size d, F
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
   * Whole texts, padded on the left or on the right.
   *
   * @param ids u32 [B, S].
   * @param mask f32 [B, S]: 0 for padding, whose results are meaningless.
   * @param at the tokens' positions; its `start` is [B].
   * @param before what all texts begin with, already read, if anything; only for layers without a window that hides it.
   * @param hidden collects the embedding and every layer's output, the last after the final norm (for tests).
   * @returns the last hidden states after the final norm [B, S, D], and per layer the keys and values.
   */
  read(
    g: Graph,
    ids: Tensor,
    mask: Tensor,
    at: TextPlaces,
    { before = [], hidden = [] }: { before?: readonly Prompts[]; hidden?: Tensor[] } = {},
  ): { last: Tensor; keyValues: KeyValue[] } {
    const keyValues: KeyValue[] = [];
    const last = this.#stack(g, ids, at, hidden, (i, q, own) => {
      keyValues.push(own);
      const text = { ...this.#heads(q, own), mask, causal: true, window: this.#window(i) };
      return mergedAttention(g, [...this.#onBeginnings(q, before, i), text]); // [B, S, H·d]
    });
    return { last, keyValues };
  }

  /**
   * Texts of any length, one after another, which may share beginnings.
   *
   * @param ids u32 [1, N].
   * @param spans u32 [R, 6]: the tokens of each text and of each beginning, as for {@link rowAttention}.
   * @param at the tokens' positions; its `start` is [1, N].
   * @param hidden as for {@link read}.
   * @returns the last hidden states after the final norm, [1, N, D].
   */
  readRows(g: Graph, ids: Tensor, spans: Tensor, at: TextPlaces, hidden: Tensor[] = []): Tensor {
    return this.#stack(g, ids, at, hidden, (i, q, own) =>
      rowAttention(g, { ...this.#heads(q, own), spans, causal: true, window: this.#window(i) }),
    );
  }

  /**
   * Answers to prompts already read: one answer each, or a tree of answers, whose shared prefixes are read once.
   *
   * @param ids u32 [R, T]: the last token of the prompt, then those of answers; R = prompts · answers of each.
   * @param mask f32 [R, T], all ones: order and `hidden` hide tokens.
   * @param at its `start` is [R], the position of the first token, or of a tree [R, T], that of every token.
   * @param prompts the prompts, and what they all begin with, if anything.
   * @param hidden what the tokens of a tree do not see.
   * @returns [R, T, D], after the final norm.
   */
  answer(
    g: Graph,
    ids: Tensor,
    mask: Tensor,
    at: TextPlaces,
    [prompts, ...before]: readonly [Prompts, ...Prompts[]],
    hidden?: HiddenPairs,
  ): Tensor {
    return this.#stack(g, ids, at, [], (i, q, own) => {
      const window = this.#window(i);
      const [onPrompt, onOwn] = hidden
        ? [{ bias: hidden.prompt(window) }, { bias: hidden.own(window) }]
        : [{ window }, { window }];
      const prompt = this.#onPrompt(q, prompts, i, onPrompt);
      const answer = { ...this.#heads(q, own), mask, causal: true, ...onOwn };
      return mergedAttention(g, [...this.#onBeginnings(q, before, i), prompt, answer]);
    });
  }

  /**
   * One step of an answer with caches: reads the token at `position` and appends its keys and values.
   *
   * @param ids u32 [B, 1].
   * @param at its `start` is [B], position of the prompt's last token, to which `position` is added.
   * @param caches per layer [B, capacity, Hk·d] each, persistent.
   * @param cacheMask f32 [B, capacity], all ones: the causal rule hides later tokens.
   * @param prompts as for {@link answer}.
   * @returns [B, 1, D], after the final norm.
   */
  answerStep(
    g: Graph,
    ids: Tensor,
    at: TextPlaces,
    caches: readonly KeyValue[],
    cacheMask: Tensor,
    [prompts, ...before]: readonly [Prompts, ...Prompts[]],
  ): Tensor {
    const { position } = at;
    return this.#stack(g, ids, at, [], (i, q, own) => {
      appendToCaches(g, own, position, caches[i]);
      const answer = { ...this.#heads(q, caches[i]), mask: cacheMask, causal: true, position };
      const window = this.#window(i);
      const prompt = this.#onPrompt(q, prompts, i, { window, position: window === null ? undefined : position });
      return mergedAttention(g, [...this.#onBeginnings(q, before, i), prompt, { ...answer, window }]); // [B, 1, H·d]
    });
  }

  /** The projection to scores over the vocabulary: x [B, S, D]. */
  projection(x: Tensor): Projection {
    const head = this.#layers.parameter(this.config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight'); // [V, D]
    return { x, head, alpha: 1 };
  }

  /** Scores over the vocabulary: [B, S, D] → [B, S, V]. */
  logits(g: Graph, x: Tensor): Tensor {
    return matmul(g, x, this.projection(x).head, { layout: 'nt' });
  }

  /** Runs every layer; `attend` computes a layer's attention from its rotated queries and its own keys and values. */
  #stack(
    g: Graph,
    ids: Tensor,
    at: TextPlaces,
    hidden: Tensor[],
    attend: (layer: number, q: Tensor, own: KeyValue) => Tensor,
  ): Tensor {
    const { layers, outputNorms, embeddingScale } = this.config;
    const embedded = embedding(g, this.#layers.parameter('model.embed_tokens.weight'), ids); // [B, S, D]
    let x = scale(g, embedded, embeddingScale); // [B, S, D]
    hidden.push(x);
    for (let i = 0; i < layers.length; i++) {
      const [layer, input] = [`model.layers.${i}`, x];
      x = g.block(() => {
        const y = this.#norm(g, `${layer}.input_layernorm`, input); // [B, S, D]
        const [q, k] = this.#turned(g, i, y, at); // [B, S, H·d], [B, S, Hk·d]
        const v = this.#linear(g, `${layer}.self_attn.v_proj`, y); // [B, S, Hk·d]
        const seen = attend(i, q, { k, v }); // [B, S, H·d]
        if (!outputNorms) {
          const attended = this.#linear(g, `${layer}.self_attn.o_proj`, seen, input); // [B, S, D]
          const z = this.#norm(g, `${layer}.post_attention_layernorm`, attended); // [B, S, D]
          return this.#feedForward(g, `${layer}.mlp`, z, attended); // [B, S, D]
        }
        const out = this.#linear(g, `${layer}.self_attn.o_proj`, seen); // [B, S, D]
        const attended = this.#norm(g, `${layer}.post_attention_layernorm`, out, input); // [B, S, D]
        const z = this.#norm(g, `${layer}.pre_feedforward_layernorm`, attended); // [B, S, D]
        const fed = this.#feedForward(g, `${layer}.mlp`, z); // [B, S, D]
        return this.#norm(g, `${layer}.post_feedforward_layernorm`, fed, attended); // [B, S, D]
      });
      hidden.push(x);
    }
    const last = this.#norm(g, 'model.norm', x); // [B, S, D]
    hidden[hidden.length - 1] = last;
    return last;
  }

  /** Queries and keys of a layer, normalised by head and rotated if the family does so: y [B, S, D]. */
  #turned(g: Graph, i: number, y: Tensor, { tables, start, position }: TextPlaces): Tensor[] {
    const { headNorms, layers } = this.config;
    const normed = ['q', 'k'].map((part) => {
      const name = `model.layers.${i}.self_attn.${part}`;
      const projected = this.#linear(g, `${name}_proj`, y);
      return headNorms ? this.#norm(g, `${name}_norm`, projected) : projected;
    });
    const { rotary: table } = layers[i];
    if (table === null) return normed;
    const lookup = { table: tables[table], start, position };
    // A prompt that is only read needs no queries of the last layer, so there they are not computed along with the keys.
    const isLast = i === layers.length - 1;
    return isLast ? normed.flatMap((x) => rotary(g, [x], lookup)) : rotary(g, normed, lookup);
  }

  /** down(f(gate(z)) · up(z)) [+ addend]: z [B, S, D] → [B, S, D]. */
  #feedForward(g: Graph, name: string, z: Tensor, addend?: Tensor): Tensor {
    const gate = this.#linear(g, `${name}.gate_proj`, z); // [B, S, F]
    const up = this.#linear(g, `${name}.up_proj`, z); // [B, S, F]
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

  #window(layer: number): number | null {
    return this.config.layers[layer].window;
  }

  #heads(q: Tensor, { k, v }: KeyValue): Pick<AttentionInputs, 'q' | 'k' | 'v' | 'heads' | 'keyHeads' | 'scale'> {
    const { numHeads, numKeyHeads, attentionScale } = this.config;
    return { q, k, v, heads: numHeads, keyHeads: numKeyHeads, scale: attentionScale };
  }

  /** Attention on what all texts begin with: every token sees all of it. */
  #onBeginnings(q: Tensor, before: readonly Prompts[], layer: number): AttentionInputs[] {
    return before.map(({ keyValues, mask }) => ({ ...this.#heads(q, keyValues[layer]), mask, causal: false }));
  }

  /** Attention on the prompt, which ends where the answer begins. */
  #onPrompt(
    q: Tensor,
    { keyValues, mask }: Prompts,
    layer: number,
    how: Pick<AttentionInputs, 'window' | 'position' | 'bias'>,
  ): AttentionInputs {
    const [, P] = mask.shape;
    return { ...this.#heads(q, keyValues[layer]), mask, causal: false, offset: P, ...how };
  }
}
