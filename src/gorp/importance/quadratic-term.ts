import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { add, addInto, scaleRows } from '../../graph/ops/elementwise.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Matrix } from '../../linear-algebra/matrix.ts';
import { Stack } from '../part/stack.ts';

/** All numbers of a stack as rows of one number each, including the gaps between its matrices, which are 0. */
export const entries = (stack: Tensor): Tensor => ({ ...stack, shape: [stack.elements, 1] });

/**
 * The term weight / 2 · Σ importance ∘ (θ − anchor)² for a stack of trained tensors (elastic weight consolidation,
 * Kirkpatrick et al. 2017, eq. 3), with its tensors on the device.
 */
export class QuadraticTerm {
  readonly #like: Stack;
  readonly #importance: Stack;
  readonly #anchor: Stack;

  /** @param like the stack of θ. @param label names the buffers. */
  constructor(device: Device, like: Stack, label: string) {
    this.#like = like;
    this.#importance = new Stack(device, 'spaces', `importance of ${label}`, like.names, like.rows, like.columns);
    this.#anchor = new Stack(device, 'spaces', `anchor of ${label}`, like.names, like.rows, like.columns);
  }

  /** Bytes on the device. */
  get bytes(): number {
    const { tensor } = this.#importance;
    return 2 * 4 * tensor.elements;
  }

  /** Uploads the importance and the anchor of each layer. */
  write(importanceOf: (layer: string) => Matrix, anchorOf: (layer: string) => Matrix): void {
    for (const layer of this.#like.names) {
      this.#importance.write(layer, importanceOf(layer));
      this.#anchor.write(layer, anchorOf(layer));
    }
  }

  /** Adds weight · importance ∘ (θ − anchor), the gradient of the term, to a gradient. */
  record(g: Graph, gradient: Stack, weight: number): void {
    const away = add(g, entries(this.#like.tensor), entries(this.#anchor.tensor), 1, -1); // [elements, 1]
    const pull = scaleRows(g, away, entries(this.#importance.tensor)); // [elements, 1]
    addInto(g, pull, entries(gradient.tensor), weight, 1);
  }

  destroy(): void {
    this.#importance.destroy();
    this.#anchor.destroy();
  }
}
