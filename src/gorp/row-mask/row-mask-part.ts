import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import type { LoraGroup } from '../adapters/lora-group.ts';
import type { Part, Reservation, TaskOf } from '../part/part.ts';
import { OutputMagnitudes } from '../adapters/output-magnitudes.ts';
import type { RowMaskPlan } from '../part/method-plan.ts';

/** Masks the rows of adapters with small outputs, from the second task on (docs/method.md, eq. (28)). */
export class RowMask implements Part {
  readonly #device: Device;
  readonly #plan: RowMaskPlan;
  readonly #groups: readonly LoraGroup[];

  constructor(device: Device, plan: RowMaskPlan, groups: readonly LoraGroup[]) {
    this.#device = device;
    this.#plan = plan;
    this.#groups = groups;
  }

  beginTask({ task }: TaskOf): Promise<void> {
    this.#mask(task > 1);
    return Promise.resolve();
  }

  resumeTask({ task }: Pick<TaskOf, 'task'>): void {
    this.#mask(task > 1);
  }

  reserve({ pairs }: Reservation): void {
    this.#mask(pairs > 0);
  }

  #mask(isMasked: boolean): void {
    for (const group of this.#groups) {
      group.mask?.destroy();
      group.mask = isMasked
        ? new OutputMagnitudes(this.#device, group.layers, group.adapters.rank, this.#plan)
        : undefined;
    }
  }

  clearGradients(): void {
    for (const { mask } of this.#groups) mask?.clear();
  }

  /** Sets the gradients of masked rows to 0, so that neither clipping nor Adam sees them. */
  recordTerms(g: Graph): void {
    for (const { mask, gradA, gradB } of this.#groups) {
      mask?.recordMask(g, 'A', gradA);
      mask?.recordMask(g, 'B', gradB);
    }
  }

  destroy(): void {
    this.#mask(false);
  }
}
