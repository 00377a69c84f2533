import type { Graph } from '../graph/graph.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { rowLosses } from '../graph/ops/cross-entropy.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { InputBuffers } from './input-buffers.ts';
import { IGNORED_LABEL } from './network.ts';

/** One answer to each of B sources on the device, as its tokens are read and predicted; of up to T tokens. */
export class ScoredAnswers {
  readonly #inputs: InputBuffers;
  readonly #sizes: { readonly B: number; readonly T: number };
  readonly #padId: number;
  /** u32 [B, T]: the token before the answer, then all but its last. */
  readonly ids: Tensor;
  /** f32 [B, T], all ones: tokens after the end of an answer change nothing before it. */
  readonly mask: Tensor;
  /** i32 [B, T]: the answer; {@link IGNORED_LABEL} after its end. */
  readonly #labels: Tensor;

  constructor(inputs: InputBuffers, sizes: { B: number; T: number }, padId: number) {
    const { B, T } = sizes;
    this.#inputs = inputs;
    this.#sizes = sizes;
    this.#padId = padId;
    this.ids = inputs.make('answer ids', [B, T], 'u32');
    this.mask = inputs.make('answer mask', [B, T], 'f32', new Float32Array(B * T).fill(1));
    this.#labels = inputs.make('answers', [B, T], 'i32');
  }

  /**
   * @param before the token before each answer.
   * @throws RangeError if there are too many answers, or one is too long.
   */
  write(before: readonly number[], answers: readonly (readonly number[])[]): void {
    const { B, T } = this.#sizes;
    const longest = answers.reduce((most, { length }) => Math.max(most, length), 0);
    if (answers.length > B || longest > T) {
      throw new RangeError(`${answers.length} answers of up to ${longest} tokens exceed ${B} rows of ${T}.`);
    }
    const ids = new Uint32Array(B * T).fill(this.#padId);
    const labels = new Int32Array(B * T).fill(IGNORED_LABEL);
    answers.forEach((answer, b) => {
      ids.set([before[b], ...answer.slice(0, -1)], b * T);
      labels.set(answer, b * T);
    });
    this.#inputs.write(this.ids, ids);
    this.#inputs.write(this.#labels, labels);
  }

  /** −log p of every token, [B · T]. @param projection x is [B, T, D]. */
  losses(g: Graph, projection: Projection): Tensor {
    return rowLosses(g, projection, this.#labels).loss;
  }
}
