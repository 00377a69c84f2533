import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { activation, add, addInto, scale } from '../../graph/ops/elementwise.ts';
import { maskRows } from '../../graph/ops/mask-rows.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import type { StackShape } from '../../graph/ops/optimizer.ts';
import { sizeOf, type Tensor } from '../../graph/tensor.ts';
import type { LayerGroup } from '../part/trainable-group.ts';
import { rowsBelow, type RowMaskPlan } from '../part/method-plan.ts';
import { Stack } from '../part/stack.ts';

/**
 * Σ |output| over the tokens of a step, without padding, for every row of a group's A and B (docs/method.md, eq. (28)),
 * and the mask of the rows that the step does not train.
 */
export class OutputMagnitudes {
  readonly #sums: Readonly<Record<'A' | 'B', Stack>>;
  readonly #plan: Pick<RowMaskPlan, 'share'>;

  constructor(device: Device, { names, out }: LayerGroup, rank: number, plan: Pick<RowMaskPlan, 'share'>) {
    this.#plan = plan;
    this.#sums = {
      A: new Stack(device, 'optimizer', 'magnitudes of the outputs of lora_A', names, 1, rank),
      B: new Stack(device, 'optimizer', 'magnitudes of the outputs of lora_B', names, 1, out),
    };
  }

  /** Clears the sums before the micro-batches of a step. */
  clear(): void {
    this.#sums.A.clear();
    this.#sums.B.clear();
  }

  /**
   * Sums the outputs of a layer in a forward pass.
   *
   * @param output [..., r] of A, [..., out] of the layer. @param counts f32, for how many examples each row stands.
   * @param adds whether to add to the sums of earlier micro-batches.
   */
  record(g: Graph, part: 'A' | 'B', name: string, output: Tensor, counts: Tensor, adds: boolean): void {
    const absolute = add(g, activation(g, 'relu', output), activation(g, 'relu', scale(g, output, -1)));
    const column = { ...counts, shape: [sizeOf(counts.shape), 1] };
    matmul(g, column, absolute, { layout: 'tn', into: this.#sums[part].view(name, false), accumulate: adds });
  }

  /** A stack of A or B with its rows of small outputs set to 0. @param shape its layout. */
  masked(g: Graph, part: 'A' | 'B', stack: Tensor, shape: StackShape): Tensor {
    const sums = this.#sums[part];
    return maskRows(
      g,
      stack,
      sums.tensor,
      { ...shape, apart: sums.shape.stride },
      rowsBelow(this.#plan, stack.shape[1]),
    );
  }

  /** Masks the rows of A or B in place. */
  recordMask(g: Graph, part: 'A' | 'B', { tensor, shape }: Stack): void {
    addInto(g, this.masked(g, part, tensor, shape), tensor, 1, 0);
  }

  destroy(): void {
    this.#sums.A.destroy();
    this.#sums.B.destroy();
  }
}
