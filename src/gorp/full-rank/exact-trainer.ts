import { GorpError } from '../../base/errors.ts';
import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { batchedMatmul } from '../../graph/ops/matmul.ts';
import { adam, type StackShape } from '../../graph/ops/optimizer.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { InputSpaces } from '../spaces/input-spaces.ts';
import { multiply, transpose } from '../../linear-algebra/matrix.ts';
import type { LayerGroup } from '../method-groups.ts';
import type { ProjectedPlan } from '../method-plan.ts';
import { basisSide, compressedShape, makeBasis } from './projection.ts';
import { MomentSpace } from '../spaces/moment-space.ts';
import { spaceOfProjected, type SpaceSource } from '../spaces/projected-space.ts';
import { Stack } from '../stack.ts';
import type { DeviceTensor } from '../state.ts';
import { FULL_RANK_RATE, type GroupSpace, Moments, type UpdateContext } from '../trainable-group.ts';
import { type ExcludedSpace, gradientOutside, recordLeakage, updateOutside } from '../update.ts';

/** Bases of a projected stack; docs/method.md, eq. (8). U [n, out, r], V transposed [n, r, in]; at least one of them. */
interface StackBasis {
  readonly U?: Tensor | undefined;
  readonly Vt?: Tensor | undefined;
}

/**
 * Trains full-rank weights on gradients that are formed and then compressed to low rank, in a basis that the host
 * computes by exact SVD (docs/method.md, eq. (8) to (12)).
 */
export class ExactTrainer {
  readonly #plan: ProjectedPlan;
  /** G. */
  readonly gradient: Stack;
  /** In the compressed form. */
  readonly moments: Moments;
  readonly space: GroupSpace | undefined;
  /** Set if the space lies in the layers' inputs, so that it acts before compression. */
  readonly #inputSpaces: InputSpaces | undefined;
  readonly #U: Stack | undefined;
  readonly #Vt: Stack | undefined;

  constructor(device: Device, layers: LayerGroup, plan: ProjectedPlan, spaces: SpaceSource) {
    const { names, out, inputs } = layers;
    this.#plan = plan;
    const side = basisSide(plan.projType, out, inputs);
    const r = Math.min(plan.rank, out, inputs);
    this.moments = new Moments(device, 'full-rank', names, ...compressedShape(out, inputs, plan.rank, plan.projType));
    if (side !== 'right') this.#U = new Stack(device, 'optimizer', 'left basis', names, out, r);
    if (side !== 'left') this.#Vt = new Stack(device, 'optimizer', 'right basis', names, r, inputs);
    this.space = spaceOfProjected(device, layers, plan, spaces);
    this.#inputSpaces = spaces instanceof InputSpaces ? spaces : undefined;
    this.gradient = new Stack(device, 'trained', 'gradient of full-rank weights', names, out, inputs);
  }

  beginTask(): void {
    this.space?.beginTask();
    this.moments.clear();
  }

  /** Allocates memory for the spaces of earlier tasks at their largest size, for a memory plan. */
  reserve(tasks: number): void {
    const { rows: out, columns: inputs } = this.gradient;
    if (this.space instanceof MomentSpace) this.space.reserve(tasks * Math.min(this.#plan.rank, out, inputs));
  }

  /** Computes new bases from the current gradients. Waits for the device. @throws GorpError `run/not-finite`. */
  async refreshBasis(): Promise<void> {
    for (const [name, G] of await this.gradient.read()) {
      if (!G.data.every(Number.isFinite)) {
        throw new GorpError(
          'run/not-finite',
          `Training has diverged: the gradient of ${name} is not finite.`,
          'Start again with a smaller learning rate.',
        );
      }
      const P = await this.#inputSpaces?.read(name);
      const { left, right } = makeBasis(P ? multiply(G, P) : G, this.#plan.rank, this.#plan.projType);
      if (left) this.#U?.write(name, left);
      // If the space leaves fewer directions than the rank, the other right vectors are arbitrary and can lie in it. And
      // what a soft space removes in part must be removed from the update, too.
      if (right) this.#Vt?.write(name, transpose(P ? multiply(P, right) : right));
    }
  }

  /** docs/method.md, eq. (11), without the refresh of the basis. */
  recordUpdate(weights: Stack, { g, clip, rates, meters }: UpdateContext): void {
    const state = this.moments.state(clip, rates, FULL_RANK_RATE);
    const excluded = this.space?.excluded(meters);
    const lowRank = this.moments.m.shape;
    const basis = { U: this.#U?.tensor, Vt: this.#Vt?.tensor };
    const G = this.gradient.tensor;
    let N: Tensor;
    if (excluded === undefined) {
      N = adam(g, compress(g, G, basis, lowRank), lowRank, state);
    } else if (this.#inputSpaces === undefined) {
      const R = gradientOutside(g, compress(g, G, basis, lowRank), lowRank, excluded);
      N = updateOutside(g, adam(g, R, lowRank, state), lowRank, excluded);
    } else if (basis.Vt) {
      // V lies outside S, and so does the update N Vᵀ: G V = (G − G S Sᵀ) V.
      if (meters) gradientOutside(g, G, this.gradient.shape, excluded);
      N = adam(g, compress(g, G, basis, lowRank), lowRank, state);
      if (meters) recordLeakage(g, N, lowRank, excluded.space, meters, basis.Vt);
    } else {
      N = this.#leftUpdate(g, basis, lowRank, state, excluded);
    }
    expandInto(g, N, basis, weights.tensor, this.#plan.scale);
  }

  /** The update U_r N with a space of inputs: a left basis leaves the input side uncompressed. */
  #leftUpdate(
    g: Graph,
    basis: StackBasis,
    lowRank: StackShape,
    state: Parameters<typeof adam>[3],
    excluded: ExcludedSpace,
  ): Tensor {
    const G = gradientOutside(g, this.gradient.tensor, this.gradient.shape, excluded);
    return updateOutside(g, adam(g, compress(g, G, basis, lowRank), lowRank, state), lowRank, excluded);
  }

  parts(): DeviceTensor[] {
    return [this.moments, this.space, this.#U, this.#Vt].flatMap((part) => part?.parts() ?? []);
  }

  destroy(): void {
    for (const part of [this.gradient, this.moments, this.space, this.#U, this.#Vt]) part?.destroy();
  }
}

/** R = G V_r, U_rᵀ G, or U_rᵀ G V_r. */
export function compress(g: Graph, G: Tensor, { U, Vt }: StackBasis, { stride }: StackShape): Tensor {
  const half = U && batchedMatmul(g, U, G, { layout: 'tn', ...(!Vt && { stride }) }); // [n, r, in]
  if (Vt) return batchedMatmul(g, half ?? G, Vt, { layout: 'nt', stride }); // [n, out, r] or [n, r, r]
  if (half) return half;
  throw new Error('a projected stack needs a basis');
}

/** W ← W − scale · (N V_rᵀ, U_r N, or U_r N V_rᵀ). */
export function expandInto(g: Graph, N: Tensor, { U, Vt }: StackBasis, weights: Tensor, scale: number): void {
  const into = { layout: 'nn', into: weights, accumulate: true, alpha: -scale } as const;
  if (U && Vt) batchedMatmul(g, batchedMatmul(g, U, N, { layout: 'nn' }), Vt, into);
  else if (Vt) batchedMatmul(g, N, Vt, into);
  else if (U) batchedMatmul(g, U, N, into);
}
