import type { Tensor } from '../graph/tensor.ts';
import type { InputBuffers } from './input-buffers.ts';

/** Labels of a batch on the device, and the weights of their tokens in the loss, the mean over all tokens. */
export class LabelInputs {
  readonly #inputs: InputBuffers;

  /** i32 [B, T], below 0 for no label. */
  readonly labels: Tensor;
  /** f32 [B · T]: loss mask over its divisor. */
  readonly weights: Tensor;

  constructor(inputs: InputBuffers, { B, T }: { B: number; T: number }) {
    this.#inputs = inputs;
    this.labels = inputs.make('labels', [B, T], 'i32');
    this.weights = inputs.make('loss weights', [B * T], 'f32');
  }

  write(labels: Int32Array<ArrayBuffer>): void {
    const tokens = labels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0);
    this.#inputs.write(this.labels, labels);
    this.#inputs.write(
      this.weights,
      Float32Array.from(labels, (label) => (label >= 0 ? 1 / tokens : 0)),
    );
  }
}
