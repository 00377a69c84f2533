import type { Graph } from '../graph/graph.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { appendToCaches } from '../graph/ops/generation.ts';
import { matmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';

/** The contents of a model: its parameters by Hugging Face name, and its linear layers, including adapters. */
export interface Layers {
  /** A parameter by its full name, `encoder.block.0.layer.0.layer_norm.weight`. */
  parameter(name: string): Tensor;
  /**
   * y = x Wᵀ [+ adapters] [+ addend] for the layer with this name (without `.weight`); x [..., in] → [..., out].
   */
  linear(g: Graph, name: string, x: Tensor, addend?: Tensor): Tensor;
  /**
   * If layers depend on the prompt: those for a batch of prompts, given the mean embedding of each, [1, B, D]. A graph
   * must then use these layers, in a network that knows it ({@link Network.byPrompt}).
   */
  byPrompt?(g: Graph, prompts: Tensor): ForTokens;
}

/**
 * The layers for a list of tokens.
 *
 * @param rowOf u32 [copies, N], the prompt of every token of the list, plus B times the copy; without it, prompts have as
 *   many tokens each, one prompt after another.
 */
export type ForTokens = (rowOf?: (copies: number) => Tensor) => Layers;

/** The layers of a graph, for its prompts if they depend on them. @param prompts mean embeddings [1, B, D]. */
export function forPrompts(g: Graph, layers: Layers, prompts: () => Tensor): ForTokens {
  return layers.byPrompt?.(g, prompts()) ?? (() => layers);
}

/** Numbers of prompts [n, B, 1] → of their tokens [n, N, 1]. @param rowOf as for {@link Layers.byPrompt}. */
export const ofTokens = (g: Graph, numbers: Tensor, rowOf: (copies: number) => Tensor): Tensor =>
  embedding(g, numbers, rowOf(numbers.shape[0]));

/** Keys and values of one attention, [1, N, heads · size of a head] each. */
export interface KeyValue {
  k: Tensor;
  v: Tensor;
}

/** Where keys and values of tokens are stored, and of the tokens that they see. */
export interface KeyMemory {
  /** Per layer [M, heads · size of a head] each, persistent. */
  readonly caches: readonly KeyValue[];
  /** u32 [N]: the row of the caches for each token. */
  readonly places: Tensor;
  /** u32 [1]: added to these rows, and to the positions of tokens after the first keys of their spans; 0 but in decoding. */
  readonly position: Tensor;
}

/** Stores keys and values of a layer. @returns its caches. */
export function memorise(g: Graph, own: KeyValue, memory: KeyMemory, layer: number): KeyValue {
  appendToCaches(g, own, memory, memory.caches[layer]);
  return memory.caches[layer];
}

/** Layers without adapters. */
export function plainLayers(parameter: (name: string) => Tensor): Layers {
  return {
    parameter,
    linear: (g, name, x, addend) => matmul(g, x, parameter(`${name}.weight`), { layout: 'nt', addend }),
  };
}
