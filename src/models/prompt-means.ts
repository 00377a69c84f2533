import type { Graph } from '../graph/graph.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { batchedMatmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { InputBuffers } from './input-buffers.ts';

/**
 * The mean embedding of every prompt of a batch, without padding or answer: what gates of adapters are computed from.
 * Takes memory only once a graph needs it.
 */
export class PromptMeans {
  readonly #inputs: InputBuffers;
  readonly #sizes: { readonly B: number; readonly S: number };
  #prompts: readonly (readonly number[])[] = [];
  #buffers: { readonly ids: Tensor; readonly weights: Tensor } | undefined;

  /** @param sizes number of prompts, and their maximum length. */
  constructor(inputs: InputBuffers, sizes: { readonly B: number; readonly S: number }) {
    this.#inputs = inputs;
    this.#sizes = sizes;
  }

  /** Sets the prompts; the mean of a missing or empty one is 0. */
  write(prompts: readonly (readonly number[])[]): void {
    this.#prompts = prompts;
    if (this.#buffers) this.#writeTo(this.#buffers);
  }

  #writeTo({ ids, weights }: { readonly ids: Tensor; readonly weights: Tensor }): void {
    const { B, S } = this.#sizes;
    const tokens = new Uint32Array(B * S);
    const shares = new Float32Array(B * S);
    this.#prompts.forEach((prompt, row) => {
      tokens.set(prompt, row * S);
      shares.fill(1 / prompt.length, row * S, row * S + prompt.length);
    });
    this.#inputs.write(ids, tokens);
    this.#inputs.write(weights, shares);
  }

  /** Records the means [1, B, D]. @param table the token embedding, [V, D]. */
  record(g: Graph, table: Tensor): Tensor {
    const { B, S } = this.#sizes;
    if (this.#buffers === undefined) {
      this.#buffers = {
        ids: this.#inputs.make('tokens of prompts', [B, S], 'u32'),
        weights: this.#inputs.make('weights of prompts', [B, 1, S], 'f32'), // 1 / length for tokens, 0 for padding
      };
      this.#writeTo(this.#buffers);
    }
    const tokens = embedding(g, table, this.#buffers.ids); // [B, S, D]
    return batchedMatmul(g, this.#buffers.weights, tokens, { layout: 'nn', shape: [1, B, table.shape[1]] });
  }
}
