import type { Device } from '../../device/device.ts';
import type { MeasuredGroup } from '../part/layer-statistics.ts';
import type { FullRankPlan } from '../part/method-plan.ts';
import { Stack } from '../part/stack.ts';
import {
  type DeviceTensor,
  restoreTensors,
  type SavedProgress,
  type SavedTensors,
  type StateOwner,
  type StateTensor,
  weightTensor,
} from '../part/state.ts';
import type { GroupSpace, LayerGroup, MomentPair, Moments, UpdateContext } from '../part/trainable-group.ts';
import type { SpaceSource } from '../spaces/input-spaces.ts';
import { MomentSpace } from '../spaces/moment-space.ts';
import { AdamTrainer } from './adam-trainer.ts';
import { type FastProjection, FastTrainer } from './fast-projection.ts';

/** Full-rank weights of one shape, and what trains them: one trainer per form. */
export class FullRankGroup implements StateOwner, MeasuredGroup {
  readonly part = 'full-rank';
  readonly gradients = 1;
  readonly weights: Stack;
  readonly trainer: AdamTrainer | FastTrainer;

  constructor(
    device: Device,
    readonly layers: LayerGroup,
    plan: FullRankPlan,
    spaces: SpaceSource,
  ) {
    const { names, out, inputs } = layers;
    this.weights = new Stack(device, 'trained', 'full-rank weights', names, out, inputs);
    if (plan.form === 'adam') this.trainer = new AdamTrainer(device, layers, plan, spaces);
    else this.trainer = new FastTrainer(device, layers, plan, spaces);
  }

  /** G, or with a projection its compressed form R. */
  get gradient(): Stack {
    return this.trainer.gradient;
  }

  get moments(): Moments {
    return this.trainer.moments;
  }

  get space(): GroupSpace | undefined {
    return this.trainer.space;
  }

  /** Defined if gradients are projected and never formed. */
  get fast(): FastProjection | undefined {
    return this.trainer instanceof FastTrainer ? this.trainer.projection : undefined;
  }

  beginTask(): void {
    this.trainer.beginTask();
  }

  /** Allocates memory for what grows with the tasks at its largest size, for a memory plan. */
  reserve({ spaces }: { spaces: number }): void {
    this.trainer.reserve(spaces);
  }

  recordUpdate(context: UpdateContext): void {
    this.trainer.recordUpdate(this.weights, context);
  }

  /** First moments, from which the space grows; waits for the device. */
  async momentsForSpace(): Promise<MomentPair[]> {
    return this.space instanceof MomentSpace ? this.space.moments(this.moments.m) : [];
  }

  state(training: boolean): StateTensor[] {
    return [...this.#weights(), ...(this.space?.state?.() ?? []), ...(training ? this.trainer.parts() : [])];
  }

  #weights(): DeviceTensor[] {
    return this.weights.parts('weights', weightTensor);
  }

  async restore(saved: SavedTensors, { task, training }: SavedProgress): Promise<void> {
    await restoreTensors(this.#weights(), saved);
    await this.space?.restore?.(saved, training ? task - 1 : task);
    if (training) await restoreTensors(this.trainer.parts(), saved);
  }

  destroy(): void {
    this.weights.destroy();
    this.trainer.destroy();
  }
}
