import type { BatchSizes } from '../base/batch.ts';
import type { Graph } from '../graph/graph.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { crossEntropy } from '../graph/ops/cross-entropy.ts';
import { distillation, type Distilling } from '../graph/ops/distillation.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { InputBuffers } from './input-buffers.ts';

/** Labels of a batch on the device, and the weights of their tokens in the loss. */
export class LabelInputs {
  readonly #inputs: InputBuffers;

  /** i32, below 0 for no label. */
  readonly labels: Tensor;
  /** f32, one for each: loss mask over its divisor. */
  readonly weights: Tensor;

  constructor(inputs: InputBuffers, { labels }: Pick<BatchSizes, 'labels'>) {
    this.#inputs = inputs;
    this.labels = inputs.make('labels', [1, labels], 'i32');
    this.weights = inputs.make('loss weights', [labels], 'f32');
  }

  /** @param tokens over which the loss is averaged. */
  write(labels: Int32Array<ArrayBuffer>, tokens: number): void {
    this.#inputs.write(this.labels, labels);
    this.#inputs.write(
      this.weights,
      Float32Array.from(labels, (label) => (label >= 0 ? 1 / tokens : 0)),
    );
  }

  /** The loss [1]. @param own the logits of the tokens that predict the labels. */
  loss(g: Graph, own: Projection): Tensor {
    return crossEntropy(g, own, this.labels, this.weights);
  }

  /** The loss, and the divergence from a teacher's logits (docs/method.md, eq. (29)). */
  distilled(g: Graph, own: Projection, teacher: Projection, by: Distilling): { loss: Tensor; divergence: Tensor } {
    const weight = { ...this.weights, shape: [1, this.weights.elements] };
    const divergence = distillation(g, own, teacher, { labels: this.labels, weight }, by);
    return { loss: this.loss(g, own), divergence };
  }
}
