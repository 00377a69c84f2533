import type { Graph } from '../graph/graph.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { batchedMatmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { InputBuffers } from './input-buffers.ts';

/**
 * The mean embedding of every prompt of a batch, without padding or answer: what layers that depend on the prompt are
 * computed from. Takes memory only once a graph needs it.
 */
export class PromptMeans {
  readonly #inputs: InputBuffers;
  readonly #sizes: { readonly sources: number; readonly tokens: number };
  #prompts: readonly (readonly number[])[] = [];
  #buffers: { readonly ids: Tensor; readonly weights: Tensor } | undefined;

  /** @param sizes number of prompts, and of the tokens of all. */
  constructor(inputs: InputBuffers, sizes: { readonly sources: number; readonly tokens: number }) {
    this.#inputs = inputs;
    this.#sizes = sizes;
  }

  /** Sets the prompts; the mean of a missing or empty one is 0. */
  write(prompts: readonly (readonly number[])[]): void {
    this.#prompts = prompts;
    if (this.#buffers) this.#writeTo(this.#buffers);
  }

  #writeTo({ ids, weights }: { readonly ids: Tensor; readonly weights: Tensor }): void {
    const { sources, tokens: N } = this.#sizes;
    const tokens = new Uint32Array(N);
    const shares = new Float32Array(sources * N);
    let at = 0;
    this.#prompts.forEach((prompt, row) => {
      tokens.set(prompt, at);
      shares.fill(1 / prompt.length, row * N + at, row * N + (at += prompt.length));
    });
    this.#inputs.write(ids, tokens);
    this.#inputs.write(weights, shares);
  }

  /** Records the means [1, sources, D]. @param table the token embedding, [V, D]. */
  record(g: Graph, table: Tensor): Tensor {
    const { sources, tokens: N } = this.#sizes;
    if (this.#buffers === undefined) {
      this.#buffers = {
        ids: this.#inputs.make('tokens of prompts', [1, N], 'u32'),
        weights: this.#inputs.make('weights of prompts', [1, sources, N], 'f32'), // 1 / length for own tokens, else 0
      };
      this.#writeTo(this.#buffers);
    }
    const tokens = embedding(g, table, this.#buffers.ids); // [1, N, D]
    return batchedMatmul(g, this.#buffers.weights, tokens, { layout: 'nn' });
  }
}

/** The prompt of every token of a list. Takes memory only once a graph needs it. */
export class RowsOfTokens {
  readonly #inputs: InputBuffers;
  readonly #sizes: { readonly tokens: number; readonly sources: number };
  readonly #ofCopies = new Map<number, Tensor>();
  #rowOf: Uint32Array;

  constructor(inputs: InputBuffers, sizes: { readonly tokens: number; readonly sources: number }) {
    this.#inputs = inputs;
    this.#sizes = sizes;
    this.#rowOf = new Uint32Array(sizes.tokens);
  }

  /** @param rowOf of the tokens of one list. */
  write(rowOf: Uint32Array): void {
    this.#rowOf = rowOf;
    for (const [copies, tensor] of this.#ofCopies) this.#writeTo(tensor, copies);
  }

  #writeTo(tensor: Tensor, copies: number): void {
    const { tokens: N, sources } = this.#sizes;
    const row = (i: number): number => Math.floor(i / N) * sources + this.#rowOf[i % N];
    this.#inputs.write(
      tensor,
      Uint32Array.from({ length: copies * N }, (_, i) => row(i)),
    );
  }

  /** u32 [copies, N]: the row of every token in each of several lists of all rows. */
  of(copies: number): Tensor {
    const known = this.#ofCopies.get(copies);
    if (known) return known;
    const made = this.#inputs.make('rows of tokens', [copies, this.#sizes.tokens], 'u32');
    this.#ofCopies.set(copies, made);
    this.#writeTo(made, copies);
    return made;
  }
}
