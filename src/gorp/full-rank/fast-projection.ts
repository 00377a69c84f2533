import { seededRandom } from '../../base/random.ts';
import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { lowRank } from '../../graph/ops/low-rank.ts';
import { batchedMatmul, matmul } from '../../graph/ops/matmul.ts';
import { innerProduct } from '../../graph/ops/square-measures.ts';
import { sizeOf, type Tensor } from '../../graph/tensor.ts';
import {
  type Energies,
  type Half,
  type ImplicitGradient,
  recordHalf,
  recordLeadingVectors,
  recordProbes,
  recordShareEstimate,
  recordShareOf,
  recordTurn,
  sketchSize,
  type SummedVectors,
  type Turn,
} from '../../linear-algebra/block-power.ts';
import type { ProjectedPlan } from '../part/method-plan.ts';
import { Stack } from '../part/stack.ts';
import type { DeviceTensor } from '../part/state.ts';
import {
  FULL_RANK_RATE,
  type GroupSpace,
  type LayerGroup,
  Moments,
  type UpdateContext,
} from '../part/trainable-group.ts';
import { recordStep, recordStepInBasis } from '../part/update.ts';
import { InputSpaces, type SpaceSource } from '../spaces/input-spaces.ts';
import { MomentSpace } from '../spaces/moment-space.ts';

/** The singular vectors of a gradient that compress it: U_r or V_r. */
export type BasisSide = 'left' | 'right';

/** The side of the basis for a weight out × in, which compresses the smaller dimension: docs/method.md, eq. (8). */
export const basisSide = (out: number, inputs: number): BasisSide => (out >= inputs ? 'right' : 'left');

/** Shape [rows, columns] of the compressed gradient: G V_r [out, r], or U_rᵀ G [r, in]. */
export function compressedShape(out: number, inputs: number, rank: number): [number, number] {
  const r = Math.min(rank, out, inputs);
  return basisSide(out, inputs) === 'right' ? [out, r] : [r, inputs];
}

/**
 * The space that projected weights exclude: of their inputs, or of their compressed first moments on the side that is
 * not compressed (docs/method.md, eq. (10)).
 */
function spaceOfProjected(
  device: Device,
  { names, out, inputs }: LayerGroup,
  { rank }: { readonly rank: number },
  source: SpaceSource,
): GroupSpace | undefined {
  if (source === null) return undefined;
  if (source instanceof InputSpaces) return source.ofGroup(names, inputs);
  const [rows, columns] = compressedShape(out, inputs, rank);
  const side = basisSide(out, inputs) === 'left' ? 'columns' : 'rows';
  return new MomentSpace(device, source, { names, rows, columns, side, unprojected: 'full-rank unprojected' });
}

/**
 * Probes of an estimate: its error is a few percent of the energy if several directions matter, zero for a single one.
 */
const PROBES = 16;

/**
 * Projected full-rank training that forms no gradient (docs/method.md, eq. (13)). The change of the weights since the
 * last refresh is stored separately, as a low-rank pair,
 *
 *     y = x Wᵀ + (x V_r) Nᵀ      or  (x Nᵀ) U_rᵀ
 *
 * whose N has the compressed gradient as its gradient: R = dYᵀ(X V_r) or (dY U_r)ᵀ X.
 */
export class FastProjection {
  readonly #inputSpaces: InputSpaces | undefined;

  /** N: out × r or r × in. */
  readonly pair: Stack;
  /** Singular vectors as rows, largest first: V_rᵀ with `right`, else U_rᵀ; the first r are the basis, the rest oversampling. */
  readonly #sketch: Stack;
  /** Random signs that estimate the share of gradients inside the input space. */
  readonly #probes: Stack | undefined;
  /** The sums over several gradients: images of the sketch, and of the probes. Allocated when first used. */
  #image: Stack | undefined;
  #sums: Stack | undefined;
  readonly #device: Device;
  readonly #layers: LayerGroup;
  readonly #side: BasisSide;
  readonly #rank: number;

  /** @param inputSpaces removed from the bases. */
  constructor(
    device: Device,
    layers: LayerGroup,
    { rank }: Pick<ProjectedPlan, 'rank'>,
    inputSpaces: InputSpaces | undefined,
  ) {
    const { names, out, inputs } = layers;
    this.#device = device;
    this.#layers = layers;
    this.#inputSpaces = inputSpaces;
    this.#side = basisSide(out, inputs);
    this.#rank = Math.min(rank, out, inputs);
    const size = sketchSize(this.#rank, out, inputs);
    this.#sketch = new Stack(
      device,
      'optimizer',
      'singular vectors',
      names,
      size,
      this.#side === 'right' ? inputs : out,
    );
    this.pair = new Stack(
      device,
      'trained',
      'change since the last basis',
      names,
      ...compressedShape(out, inputs, rank),
    );
    if (inputSpaces && this.#side === 'right') {
      this.#probes = new Stack(device, 'optimizer', 'probes', ['all layers'], PROBES, out);
      const random = seededRandom(out);
      this.#probes.write(
        'all layers',
        Float32Array.from({ length: PROBES * out }, () => (random.next() < 0.5 ? -1 : 1)),
      );
    }
  }

  /** V_rᵀ [n, r, in] of a right basis. */
  get Vt(): Tensor | undefined {
    return this.#basis((stack, rows) => stack.leadingRows(rows)).Vt;
  }

  /** Drops the basis, so that a task begins the same whatever came before. The pair must have been merged. */
  beginTask(): void {
    this.#sketch.clear();
    this.pair.clear();
  }

  /** y + the pair's part for a layer. @param N the layer's part of the pair as a tensor of this graph. */
  addPair(g: Graph, name: string, x: Tensor, y: Tensor, N: Tensor): Tensor {
    const { Ut, Vt } = this.#basis((stack, rows) => stack.view(name, false, rows));
    const pair = Vt ? { A: Vt, B: N } : { A: N, B: Ut };
    return lowRank(g, { x, y, pairs: [pair], alpha: 1, isAcross: !Vt }).sum;
  }

  /**
   * Records a new basis for a layer from its implicit gradient. N must be zero, that is, merged.
   *
   * @param energies receive estimates of the gradient's energy before and after removing the input space.
   * @returns R of the same gradient in the new basis.
   */
  recordRefresh(g: Graph, name: string, { x, dy }: ImplicitGradient, energies: Energies): Tensor {
    const gradient = { x, dy, outside: this.#inputSpaces?.viewOf(name) };
    if (gradient.outside && this.#probes) {
      recordShareEstimate(g, gradient, this.#probes.view('all layers', false), energies);
    }
    recordLeadingVectors(g, gradient, this.#side, this.#sketch.view(name, false));
    const { Ut, Vt } = this.#basis((stack, rows) => stack.view(name, false, rows));
    const left = Ut ? matmul(g, dy, Ut, { layout: 'nt' }) : dy; // [tokens, r] or [tokens, out]
    const right = Vt ? matmul(g, x, Vt, { layout: 'nt' }) : x; // [tokens, r] or [tokens, in]
    return matmul(g, left, right, { layout: 'tn' });
  }

  /** The vectors of a layer while they are computed from several gradients ({@link recordTurn}). */
  #summed(name: string): SummedVectors {
    const { inputs, out, names } = this.#layers;
    this.#image ??= new Stack(
      this.#device,
      'optimizer',
      'images of singular vectors',
      names,
      this.#sketch.rows,
      this.#side === 'right' ? out : inputs,
    );
    const [sketch, image] = [this.#sketch, this.#image].map((stack) => stack.view(name, false));
    return { side: this.#side, sketch, image, outside: this.#inputSpaces?.viewOf(name) };
  }

  /** The sum of random signs times the gradient of a layer; undefined if no share is estimated. */
  #probed(name: string): { probes: Tensor; sum: Tensor } | undefined {
    if (this.#probes === undefined || this.#inputSpaces?.viewOf(name) === undefined) return undefined;
    const { inputs, names } = this.#layers;
    this.#sums ??= new Stack(this.#device, 'optimizer', 'probed gradients', names, PROBES, inputs);
    return { probes: this.#probes.view('all layers', false), sum: this.#sums.view(name, false) };
  }

  /** Clears what a half of a pass over several gradients sums up. */
  beginHalf(half: Half): void {
    if (half === 'back') this.#sketch.clear();
    else for (const sum of [this.#image, this.#sums]) sum?.clear();
  }

  /** Records what a layer's gradient adds to a half of a pass. */
  recordHalf(g: Graph, name: string, gradient: ImplicitGradient, half: Half): void {
    recordHalf(g, gradient, this.#summed(name), half);
    const probed = half === 'away' ? this.#probed(name) : undefined;
    if (probed) recordProbes(g, gradient, probed.probes, probed.sum);
  }

  /** Records what stands between two halves for all layers. @param energies as for {@link recordRefresh}. */
  recordTurn(g: Graph, turn: Turn, energies: (name: string) => Energies): void {
    for (const name of this.#layers.names) {
      const summed = this.#summed(name);
      recordTurn(g, summed, turn);
      const probed = turn === 'away' ? this.#probed(name) : undefined;
      if (probed) recordShareOf(g, probed.sum, summed.outside, energies(name));
    }
  }

  /** W ← W + N V_rᵀ or U_r N for all layers; the caller clears the pair ({@link Stack.clear}). */
  recordMerge(g: Graph, weights: Tensor): void {
    const { Ut, Vt } = this.#basis((stack, rows) => stack.leadingRows(rows));
    const N = this.pair.tensor;
    const into = { into: weights, accumulate: true };
    if (Vt) batchedMatmul(g, N, Vt, { layout: 'nn', ...into });
    else batchedMatmul(g, Ut, N, { layout: 'tn', ...into });
  }

  #basis(part: (stack: Stack, rows: number) => Tensor): { Vt: Tensor; Ut?: never } | { Ut: Tensor; Vt?: never } {
    const sketch = part(this.#sketch, this.#rank);
    return this.#side === 'right' ? { Vt: sketch } : { Ut: sketch };
  }

  /** The change of the weights that is not merged: the pair, and the basis that it is in. */
  get change(): readonly Stack[] {
    return [this.pair, this.#sketch];
  }

  /** The state that a step passes to the next. The probes are the same in every run. */
  parts(): DeviceTensor[] {
    return this.change.flatMap((part) => part.parts());
  }

  destroy(): void {
    for (const part of [this.pair, this.#sketch, this.#probes, this.#image, this.#sums]) part?.destroy();
  }
}

/**
 * ‖G‖² of an implicit gradient into `into[index]`: Σ (dY dYᵀ) ∘ (X Xᵀ), which costs tokens² (in + out), or, where
 * cheaper, from a temporary G, which costs tokens · in · out.
 */
export function recordSquaredNorm(g: Graph, { x, dy }: ImplicitGradient, into: Tensor, index: number): void {
  const [inputs, out] = [x, dy].map((tensor) => tensor.shape.at(-1) ?? 1);
  const tokens = sizeOf(x.shape) / inputs;
  if (tokens * (inputs + out) < inputs * out) {
    const rows = (tensor: Tensor): Tensor => matmul(g, tensor, tensor, { layout: 'nt' }); // [tokens, tokens]
    innerProduct(g, rows(dy), rows(x), into, index);
  } else {
    const G = matmul(g, dy, x, { layout: 'tn' }); // [out, in]
    innerProduct(g, G, G, into, index);
  }
}

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
    this.space?.beginTask?.();
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
    return [this.moments, this.space, this.projection].flatMap((part) => part?.parts?.() ?? []);
  }

  destroy(): void {
    for (const part of [this.gradient, this.moments, this.space, this.projection]) part?.destroy?.();
  }
}
