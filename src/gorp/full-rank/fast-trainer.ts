import type { Device } from '../../device/device.ts';
import { FastProjection } from './fast-projection.ts';
import { InputSpaces } from '../spaces/input-spaces.ts';
import type { LayerGroup } from '../layer-groups.ts';
import type { ProjectedPlan } from './plan.ts';
import { compressedShape } from './projection.ts';
import { MomentSpace } from '../spaces/moment-space.ts';
import { spaceOfProjected, type SpaceSource } from '../spaces/projected-space.ts';
import { Stack } from '../stack.ts';
import type { DeviceTensor } from '../state.ts';
import { FULL_RANK_RATE, type GroupSpace, Moments, type UpdateContext } from '../trainable-group.ts';
import { recordStep, recordStepInBasis } from '../update.ts';

/** Trains full-rank weights on compressed gradients that are never formed: {@link FastProjection}. */
export class FastTrainer {
  readonly #plan: ProjectedPlan;
  readonly #inputs: number;
  readonly #out: number;
  /** R. */
  readonly gradient: Stack;
  readonly moments: Moments;
  readonly space: GroupSpace | undefined;
  /** Whether the space lies in the layers' inputs. */
  readonly #isOnInputs: boolean;
  readonly projection: FastProjection;

  constructor(device: Device, layers: LayerGroup, plan: ProjectedPlan, spaces: SpaceSource) {
    const { names, out, inputs } = layers;
    this.#plan = plan;
    this.#out = out;
    this.#inputs = inputs;
    const [rows, columns] = compressedShape(out, inputs, plan.rank);
    this.moments = new Moments(device, 'full-rank', names, rows, columns);
    this.space = spaceOfProjected(device, layers, plan, spaces);
    const inputSpaces = spaces instanceof InputSpaces ? spaces : undefined;
    this.#isOnInputs = inputSpaces !== undefined;
    this.gradient = new Stack(device, 'trained', 'compressed gradient of full-rank weights', names, rows, columns);
    this.projection = new FastProjection(device, layers, plan, inputSpaces);
  }

  beginTask(): void {
    this.space?.beginTask();
    this.moments.clear();
    this.projection.beginTask();
  }

  /** Allocates memory for the spaces of earlier tasks at their largest size, for a memory plan. */
  reserve(tasks: number): void {
    const rank = Math.min(this.#plan.rank, this.#out, this.#inputs);
    if (this.space instanceof MomentSpace) this.space.reserve(tasks * rank);
  }

  /** docs/method.md, eq. (11) and (12), into the pair that holds the change since the last refresh. */
  recordUpdate(_weights: Stack, { g, clip, rates, meters }: UpdateContext): void {
    const state = this.moments.state(clip, rates, FULL_RANK_RATE);
    const { pair, Vt } = this.projection;
    const step = {
      gradient: this.gradient.tensor,
      into: pair.tensor,
      shape: this.moments.m.shape,
      scale: this.#plan.scale,
    };
    const excluded = this.space?.excluded(meters);
    if (excluded && this.#isOnInputs && Vt) recordStepInBasis(g, step, state, Vt, excluded);
    else recordStep(g, step, state, excluded);
  }

  parts(): DeviceTensor[] {
    return [this.moments, this.space, this.projection].flatMap((part) => part?.parts() ?? []);
  }

  destroy(): void {
    for (const part of [this.gradient, this.moments, this.space, this.projection]) part?.destroy();
  }
}
