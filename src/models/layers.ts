import type { Graph } from '../graph/graph.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { matmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';

/** What a model consists of: its parameters by Hugging Face name, and its linear layers, including adapters. */
export interface Layers {
  /** A parameter by its full name, `encoder.block.0.layer.0.layer_norm.weight`. */
  parameter(name: string): Tensor;
  /**
   * y = x Wᵀ [+ adapters] [+ addend] for the layer with this name (without `.weight`); x [..., in] → [..., out].
   */
  linear(g: Graph, name: string, x: Tensor, addend?: Tensor): Tensor;
  /**
   * If adapters have gates: the layers for a batch of prompts, given the mean embedding of each, [1, B, D]. A graph must
   * then use these layers.
   *
   * @param rowOf u32 [copies, N], the prompt of every token of the graph, plus B times the copy; without it, prompts
   *   have as many tokens each, one prompt after another.
   */
  gated?(g: Graph, prompts: Tensor, rowOf?: (copies: number) => Tensor): Layers;
}

/** The layers of a graph, with the gates of adapters if they have some. @param prompts mean embeddings [1, B, D]. */
export const forPrompts = (
  g: Graph,
  layers: Layers,
  prompts: () => Tensor,
  rowOf?: (copies: number) => Tensor,
): Layers => (layers.gated ? layers.gated(g, prompts(), rowOf) : layers);

/** Gates of prompts [n, B, 1] → of their tokens [n, N, 1]. @param rowOf as for {@link Layers.gated}. */
export const ofTokens = (g: Graph, gates: Tensor, rowOf: (copies: number) => Tensor): Tensor =>
  embedding(g, gates, rowOf(gates.shape[0]));

/** Keys and values of one attention, [B, S, heads · size of a head] each. */
export interface KeyValue {
  k: Tensor;
  v: Tensor;
}

/** Layers without adapters. */
export function plainLayers(parameter: (name: string) => Tensor): Layers {
  return {
    parameter,
    linear: (g, name, x, addend) => matmul(g, x, parameter(`${name}.weight`), { layout: 'nt', addend }),
  };
}
