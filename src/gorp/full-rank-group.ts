import type { Gpu } from '../gpu/device.ts';
import { transpose } from './matrix.ts';
import type { LayerGroup } from './method-groups.ts';
import type { MethodSettings } from './method-settings.ts';
import { type BasisSide, basisSide, compressedShape, makeBasis } from './projection.ts';
import { projectOutLeft, projectOutRight } from './space.ts';
import { Stack } from './stack.ts';
import { GroupSpace, type MomentPair, Moments, pairMoments, type UpdateContext } from './trainable-group.ts';
import { fitting, type SavedTraining, type TrainedWeights } from './trained.ts';
import { recordPlainUpdate, recordProjectedUpdate, type Side } from './update.ts';

/** Place of the full-rank step size in `rates`. */
const RATE = 1;

/** Full-rank weights of one shape with gradients, projection basis, moments and shared space. */
export class FullRankGroup {
  readonly weights: Stack;
  readonly gradient: Stack;
  readonly moments: Moments;
  readonly space: GroupSpace | undefined;
  readonly #U: Stack | undefined;
  readonly #Vt: Stack | undefined;
  readonly #unprojected: Stack | undefined;
  readonly #side: BasisSide;

  constructor(
    gpu: Gpu,
    readonly layers: LayerGroup,
    private readonly method: MethodSettings,
  ) {
    const { names, out, inputs } = layers;
    const { galoreRank, projType } = method;
    this.weights = new Stack(gpu, 'full-rank weights', names, out, inputs);
    this.gradient = new Stack(gpu, 'gradient of full-rank weights', names, out, inputs);
    this.#side = basisSide(projType, out, inputs);
    if (!this.isProjected) {
      this.moments = new Moments(gpu, 'full-rank', names, out, inputs);
      return;
    }
    const [rows, columns] = compressedShape(out, inputs, galoreRank, projType);
    const r = Math.min(galoreRank, out, inputs);
    this.moments = new Moments(gpu, 'full-rank', names, rows, columns);
    if (this.#side !== 'right') this.#U = new Stack(gpu, 'left basis', names, out, r);
    if (this.#side !== 'left') this.#Vt = new Stack(gpu, 'right basis', names, r, inputs);
    if (method.sharedSpace) {
      const side = this.#spaceSide();
      const dimension = this.#onInputs ? inputs : side === 'rows' ? rows : columns;
      this.space = new GroupSpace(gpu, names, dimension, side);
      if (!this.#onInputs) this.#unprojected = new Stack(gpu, 'full-rank unprojected', names, rows, columns);
    }
  }

  get isProjected(): boolean {
    return this.method.fullRank === 'projected';
  }

  /** Whether S lives in the layer's inputs, before compression. */
  get #onInputs(): boolean {
    return this.method.spaceSource === 'activation';
  }

  /** METHOD.md section 3, "On which side S acts". */
  #spaceSide(): Side {
    if (this.#onInputs) return 'columns';
    return this.method.spaceSide === 'kept' && this.#side === 'left' ? 'columns' : 'rows';
  }

  beginTask(): void {
    this.space?.upload();
    this.moments.clear();
    this.#unprojected?.clear();
  }

  /** New bases from the gradients as they are now: exact SVD on the host. Waits for the GPU. */
  async refreshBasis(): Promise<void> {
    for (const [name, G] of await this.gradient.read()) {
      const S = this.#onInputs ? this.space?.spaces.get(name) : undefined;
      const { left, right } = makeBasis(S ? projectOutRight(G, S) : G, this.method.galoreRank, this.method.projType);
      if (left) this.#U?.write(name, left);
      // Where S leaves fewer directions than the rank asks for, the other right vectors are arbitrary and can lie in S.
      if (right) this.#Vt?.write(name, transpose(S ? projectOutLeft(right, S) : right));
    }
  }

  recordUpdate({ g, clip, rates, meters }: UpdateContext): void {
    const state = this.moments.state(clip, rates, RATE);
    const stack = { gradient: this.gradient.tensor, weights: this.weights.tensor, shape: this.weights.shape };
    if (!this.isProjected) {
      recordPlainUpdate(g, stack, state);
      return;
    }
    recordProjectedUpdate(
      g,
      {
        ...stack,
        lowRank: this.moments.m.shape,
        basis: { U: this.#U?.tensor, Vt: this.#Vt?.tensor },
        scale: this.method.galoreScale,
      },
      state,
      this.space?.stackSpace,
      {
        projectUpdate: this.method.project === 'update',
        onFullGradient: this.#onInputs,
        meters,
        unprojected: this.#unprojected?.tensor,
      },
    );
  }

  trained(): TrainedWeights[] {
    const { names, out, inputs } = this.layers;
    return names.map((layer) => ({ layer, out, inputs, read: () => this.weights.readOne(layer) }));
  }

  /** Adds what earlier tasks changed to the weights of the base model. @throws GorpError `run/round-does-not-fit`. */
  async restore(saved: SavedTraining): Promise<void> {
    const { names, out, inputs } = this.layers;
    for (const name of names) {
      const { data } = fitting(`The change of ${name}`, await saved.delta(name), out, inputs);
      const weights = await this.weights.readOne(name);
      for (let i = 0; i < weights.length; i++) weights[i] += data[i];
      this.weights.write(name, weights);
    }
    await this.space?.restore(saved);
  }

  /**
   * First moments, turned so that their columns are vectors of the space: as Adam has them, and as they would be with
   * nothing projected away.
   */
  async momentsForSpace(): Promise<MomentPair[]> {
    return pairMoments(this.moments.m, this.space?.stackSpace && this.#unprojected, this.#spaceSide() === 'columns');
  }

  destroy(): void {
    for (const part of [this.weights, this.gradient, this.moments, this.#unprojected, this.#U, this.#Vt, this.space])
      part?.destroy();
  }
}
