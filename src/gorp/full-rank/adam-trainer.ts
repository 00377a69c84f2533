import type { Device } from '../../device/device.ts';
import { matrix } from '../../linear-algebra/matrix.ts';
import { leadingSingularVectors } from '../../linear-algebra/svd.ts';
import { frozenCount, type PlainPlan } from '../part/method-plan.ts';
import { Stack } from '../part/stack.ts';
import type { DeviceTensor } from '../part/state.ts';
import {
  FULL_RANK_RATE,
  type GroupSpace,
  type LayerGroup,
  Moments,
  type UpdateContext,
} from '../part/trainable-group.ts';
import { recordStep, recordTwoSidedStep } from '../part/update.ts';
import { InputSpaces, type SpaceSource } from '../spaces/input-spaces.ts';

/** Trains full-rank weights by Adam on the whole gradient, outside a space of their inputs or their own directions. */
export class AdamTrainer {
  readonly #device: Device;
  readonly #layers: LayerGroup;
  readonly #plan: PlainPlan;
  /** G. */
  readonly gradient: Stack;
  readonly moments: Moments;
  readonly space: GroupSpace | undefined;
  /** U [n, out, k] and V [n, in, k], removed from this task's gradients and updates. */
  #frozen: { readonly U: Stack; readonly V: Stack } | undefined;

  constructor(device: Device, layers: LayerGroup, plan: PlainPlan, spaces: SpaceSource) {
    const { names, out, inputs } = layers;
    this.#device = device;
    this.#layers = layers;
    this.#plan = plan;
    this.moments = new Moments(device, 'full-rank', names, out, inputs);
    if (spaces instanceof InputSpaces) this.space = spaces.ofGroup(names, inputs);
    this.gradient = new Stack(device, 'trained', 'gradient of full-rank weights', names, out, inputs);
  }

  beginTask(): void {
    this.space?.beginTask?.();
    this.moments.clear();
  }

  /** Allocates memory for the directions to remove at their largest number, for a memory plan. */
  reserve(): void {
    const { out, inputs } = this.#layers;
    if (this.#plan.frozen === null) return;
    const { first, last } = this.#plan.frozen;
    this.#dropFrozen();
    this.#reserveFrozen(Math.max(1, Math.round(Math.max(first, last) * Math.min(out, inputs))));
  }

  /**
   * Removes the current main singular directions of the weights from gradients and updates of the new task. Reads the
   * weights: waits for the device.
   *
   * @param onWeight called before each weight, which takes seconds if it is large; it may throw to stop.
   */
  async freezeDirections(
    weights: Stack,
    task: number,
    tasks: number,
    onWeight: (done: number) => Promise<void>,
  ): Promise<void> {
    const count = this.resumeTask(task, tasks);
    if (count === 0) return;
    const { names, out, inputs } = this.#layers;
    for (const [done, name] of names.entries()) {
      await onWeight(done);
      const W = matrix(out, inputs, await weights.readOne(name));
      const { left, right } = leadingSingularVectors(W, count);
      this.#frozen?.U.write(name, left);
      this.#frozen?.V.write(name, right);
    }
  }

  /**
   * Resumes a task that another learner had begun: allocates the directions to remove; the caller writes them
   * afterwards.
   *
   * @returns how many directions of each weight the task removes.
   */
  resumeTask(task: number, tasks: number): number {
    this.#dropFrozen();
    if (this.#plan.frozen === null) return 0;
    const { out, inputs } = this.#layers;
    const count = frozenCount(this.#plan.frozen, Math.min(out, inputs), task, tasks);
    if (count > 0) this.#reserveFrozen(count);
    return count;
  }

  #reserveFrozen(count: number): void {
    const { names, out, inputs } = this.#layers;
    this.#frozen = {
      U: new Stack(this.#device, 'spaces', 'kept left directions', names, out, count),
      V: new Stack(this.#device, 'spaces', 'kept right directions', names, inputs, count),
    };
  }

  #dropFrozen(): void {
    this.#frozen?.U.destroy();
    this.#frozen?.V.destroy();
    this.#frozen = undefined;
  }

  recordUpdate(weights: Stack, { g, clip, rates, meters }: UpdateContext): void {
    const state = this.moments.state(clip, rates, FULL_RANK_RATE);
    const step = { gradient: this.gradient.tensor, into: weights.tensor, shape: weights.shape };
    const frozen = this.#frozen && { U: this.#frozen.U.tensor, V: this.#frozen.V.tensor };
    if (frozen) recordTwoSidedStep(g, step, state, frozen);
    else recordStep(g, step, state, this.space?.excluded(meters));
  }

  parts(): DeviceTensor[] {
    return [this.moments, this.#frozen?.U, this.#frozen?.V].flatMap((part) => part?.parts() ?? []);
  }

  destroy(): void {
    this.#dropFrozen();
    for (const part of [this.gradient, this.moments, this.space]) part?.destroy?.();
  }
}
