import { GorpError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { FastProjection } from './fast-projection.ts';
import { matrix, transpose } from './matrix.ts';
import type { LayerGroup } from './method-groups.ts';
import {
  type FrozenDirections,
  frozenCount,
  type FullRankPlan,
  type ProjectedPlan,
  type SpacePlan,
} from './method-plan.ts';
import { type BasisSide, basisSide, compressedShape, makeBasis } from './projection.ts';
import { leadingSingularVectors } from './singular-vectors.ts';
import { projectOutLeft, projectOutRight } from './space.ts';
import { Stack } from './stack.ts';
import {
  type DeviceTensor,
  restoreTensors,
  type SavedProgress,
  type SavedTensors,
  type StateOwner,
  type StateTensor,
  weightTensor,
} from './state.ts';
import { GroupSpace, type MomentPair, Moments, pairMoments, type UpdateContext } from './trainable-group.ts';
import {
  recordCompressedUpdate,
  recordPlainUpdate,
  recordProjectedUpdate,
  recordTwoSidedUpdate,
  type Side,
} from './update.ts';

/** Place of the full-rank step size in `rates`. */
const RATE = 1;

/** Full-rank weights of one shape with gradients, projection basis, moments and shared space. */
export class FullRankGroup implements StateOwner {
  readonly #spacePlan: SpacePlan | null;
  readonly weights: Stack;
  /** G, or with a fast projection its compressed form R. */
  readonly gradient: Stack;
  readonly moments: Moments;
  readonly space: GroupSpace | undefined;
  /** Defined if gradients are projected and never formed. */
  readonly fast: FastProjection | undefined;
  readonly #U: Stack | undefined;
  readonly #Vt: Stack | undefined;
  readonly #unprojected: Stack | undefined;
  readonly #projected: ProjectedPlan | undefined;
  readonly #side: BasisSide | undefined;
  readonly #device: Device;
  readonly #frozenPlan: FrozenDirections | null;
  /** U [n, out, k] and V [n, in, k], removed from this task's gradients and updates. */
  #frozen: { readonly U: Stack; readonly V: Stack } | undefined;

  constructor(
    device: Device,
    readonly layers: LayerGroup,
    plan: FullRankPlan,
    spacePlan: SpacePlan | null,
  ) {
    this.#spacePlan = spacePlan;
    this.#device = device;
    this.#frozenPlan = plan.form === 'adam' ? plan.frozen : null;
    const { names, out, inputs } = layers;
    this.weights = new Stack(device, 'trained', 'full-rank weights', names, out, inputs);
    const projected = plan.form === 'projected' ? plan : undefined;
    this.#projected = projected;
    this.#side = projected ? basisSide(projected.side, out, inputs) : undefined;
    const [rows, columns] = projected ? compressedShape(out, inputs, projected.rank, projected.side) : [out, inputs];
    this.moments = new Moments(device, 'full-rank', names, rows, columns);
    if (projected?.projection === 'exact') {
      const r = Math.min(projected.rank, out, inputs);
      if (this.#side !== 'right') this.#U = new Stack(device, 'optimizer', 'left basis', names, out, r);
      if (this.#side !== 'left') this.#Vt = new Stack(device, 'optimizer', 'right basis', names, r, inputs);
    }
    if (spacePlan && (projected || this.#onInputs)) {
      const side = this.#spaceSide();
      const dimension = this.#onInputs ? inputs : side === 'rows' ? rows : columns;
      this.space = new GroupSpace(device, names, dimension, side);
      if (!this.#onInputs)
        this.#unprojected = new Stack(device, 'spaces', 'full-rank unprojected', names, rows, columns);
    }
    if (projected?.projection === 'fast') {
      this.gradient = new Stack(device, 'trained', 'compressed gradient of full-rank weights', names, rows, columns);
      this.fast = new FastProjection(device, layers, projected, this.#onInputs ? this.space : undefined);
    } else this.gradient = new Stack(device, 'trained', 'gradient of full-rank weights', names, out, inputs);
  }

  /** Whether the host computes the basis, from a full gradient. */
  get isExact(): boolean {
    return this.#projected?.projection === 'exact';
  }

  /** Whether S lies in the layer's inputs: for a projected weight before compression, for a plain one always. */
  get #onInputs(): boolean {
    return this.#spacePlan?.source === 'activation';
  }

  /** docs/method.md, eq. (10) and (17). */
  #spaceSide(): Side {
    if (this.#onInputs) return 'columns';
    return this.#spacePlan?.weightSide === 'kept' && this.#side === 'left' ? 'columns' : 'rows';
  }

  beginTask(): void {
    this.space?.upload();
    this.moments.clear();
    this.#unprojected?.clear();
    this.fast?.beginTask();
  }

  /** Allocates memory for the spaces of earlier tasks at their largest size, for a memory plan. */
  reserve({ spaces }: { spaces: number }): void {
    const { out, inputs } = this.layers;
    this.space?.reserve(spaces * (this.#onInputs ? inputs : Math.min(this.#projected?.rank ?? inputs, out, inputs)));
    if (this.#frozenPlan === null) return;
    this.#dropFrozen();
    const { first, last } = this.#frozenPlan;
    this.#reserveFrozen(Math.max(1, Math.round(Math.max(first, last) * Math.min(out, inputs))));
  }

  /** Computes new bases from the current gradients by exact SVD on the host. Waits for the GPU. */
  async refreshBasis(): Promise<void> {
    const projected = this.#projected;
    if (!projected) return;
    for (const [name, G] of await this.gradient.read()) {
      if (!G.data.every(Number.isFinite)) {
        throw new GorpError(
          'run/not-finite',
          `Training has diverged: the gradient of ${name} is not finite.`,
          'Start again with a smaller learning rate.',
        );
      }
      const S = this.#onInputs ? this.space?.spaces.get(name) : undefined;
      const { left, right } = makeBasis(S ? projectOutRight(G, S) : G, projected.rank, projected.side);
      if (left) this.#U?.write(name, left);
      // If S leaves fewer directions than the rank, the other right vectors are arbitrary and can lie in S. And what a
      // soft S removes in part must be removed from the update, too.
      if (right) this.#Vt?.write(name, transpose(S ? projectOutLeft(right, S) : right));
    }
  }

  /**
   * Removes the current main singular directions of the weights from gradients and updates of the new task. Reads the
   * weights: waits for the device.
   */
  async freezeDirections(task: number, tasks: number): Promise<void> {
    const count = this.resumeTask(task, tasks);
    if (count === 0) return;
    const { names, out, inputs } = this.layers;
    for (const name of names) {
      const W = matrix(out, inputs, await this.weights.readOne(name));
      const { left, right } = leadingSingularVectors(W, count);
      this.#frozen?.U.write(name, left);
      this.#frozen?.V.write(name, right);
    }
  }

  /**
   * Resumes a task that another learner had begun: allocates the directions to remove; the caller restores them
   * afterwards.
   *
   * @returns how many directions of each weight the task removes.
   */
  resumeTask(task: number, tasks: number): number {
    this.#dropFrozen();
    if (this.#frozenPlan === null) return 0;
    const { out, inputs } = this.layers;
    const count = frozenCount(this.#frozenPlan, Math.min(out, inputs), task, tasks);
    if (count > 0) this.#reserveFrozen(count);
    return count;
  }

  #reserveFrozen(count: number): void {
    const { names, out, inputs } = this.layers;
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

  recordUpdate({ g, clip, rates, meters }: UpdateContext): void {
    const state = this.moments.state(clip, rates, RATE);
    const gradient = this.gradient.tensor;
    const lowRank = this.moments.m.shape;
    const space = this.space?.stackSpace;
    const keeping = {
      projectUpdate: this.#spacePlan?.keepsOut === 'update',
      meters,
      unprojected: this.#unprojected?.tensor,
    };
    const projected = this.#projected;
    if (projected && this.fast) {
      const { scale } = projected;
      const stack = { gradient, change: this.fast.pair.tensor, lowRank, scale };
      recordCompressedUpdate(g, stack, state, space, { ...keeping, behind: this.#onInputs ? this.fast.Vt : undefined });
      return;
    }
    const stack = { gradient, weights: this.weights.tensor, shape: this.weights.shape };
    if (!projected) {
      const frozen = this.#frozen && { U: this.#frozen.U.tensor, V: this.#frozen.V.tensor };
      if (frozen) recordTwoSidedUpdate(g, stack, state, frozen);
      else recordPlainUpdate(g, stack, state, space, keeping);
      return;
    }
    recordProjectedUpdate(
      g,
      { ...stack, lowRank, basis: { U: this.#U?.tensor, Vt: this.#Vt?.tensor }, scale: projected.scale },
      state,
      space,
      { ...keeping, onFullGradient: this.#onInputs },
    );
  }

  /**
   * First moments, transposed where needed so that their columns are vectors of the space: Adam's own, and as they
   * would be with nothing projected away.
   */
  async momentsForSpace(): Promise<MomentPair[]> {
    return pairMoments(this.moments.m, this.space?.stackSpace && this.#unprojected, this.#spaceSide() === 'columns');
  }

  state(training: boolean): StateTensor[] {
    return [...this.#weights(), ...(this.space?.state() ?? []), ...(training ? this.#ofStep() : [])];
  }

  #weights(): DeviceTensor[] {
    return this.weights.parts('weights', weightTensor);
  }

  /** What a step passes to the next, besides the weights. */
  #ofStep(): DeviceTensor[] {
    const { moments, fast } = this;
    const frozen = [this.#frozen?.U, this.#frozen?.V];
    return [moments, this.#unprojected, fast, this.#U, this.#Vt, ...frozen].flatMap((part) => part?.parts() ?? []);
  }

  async restore(saved: SavedTensors, { task, training }: SavedProgress): Promise<void> {
    await restoreTensors(this.#weights(), saved);
    await this.space?.restore(saved, training ? task - 1 : task);
    if (!training) return;
    this.space?.upload();
    await restoreTensors(this.#ofStep(), saved);
  }

  destroy(): void {
    this.#dropFrozen();
    const { weights, gradient, moments, space, fast } = this;
    for (const part of [weights, gradient, moments, this.#unprojected, fast, this.#U, this.#Vt, space]) part?.destroy();
  }
}
