import type { Graph } from '../graph/graph.ts';
import { addInto } from '../graph/ops/elementwise.ts';
import { ADAM, type AdamState, adam, adamInto, applyUpdate, squares, type StackShape } from '../graph/ops/optimizer.ts';
import { batchedMatmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Side of a matrix on which the shared space acts: S ∈ R^{rows×k} from the left, or R^{columns×k} from the right. */
export type Side = 'rows' | 'columns';

/** The shared space of a stack: S [n, dimension, k], whose unused columns are zero. */
export interface StackSpace {
  readonly S: Tensor;
  readonly side: Side;
}

/** Bases of a projected stack; docs/method.md, eq. (8). U [n, out, r], V transposed [n, r, in]; at least one of them. */
export interface StackBasis {
  readonly U?: Tensor | undefined;
  readonly Vt?: Tensor | undefined;
}

/** The energies (‖·‖²) measured while a stack is projected out of a space, [n] each. */
export interface SpaceMeters {
  /** Of the gradient, before and after its part in the space is projected away. */
  readonly before: Tensor;
  readonly after: Tensor;
  /** Of Adam's update, and of the part of the update that falls in the space again. */
  readonly update: Tensor;
  readonly leaked: Tensor;
}

/** How a stack is projected out of a space, apart from its gradient. */
export interface KeepingOut {
  /** Whether updates are projected, not only gradients. */
  readonly projectUpdate?: boolean;
  readonly meters?: SpaceMeters | undefined;
  /** Adam's first moment as it would be with nothing projected away, in the projected form; changed in place. */
  readonly unprojected?: Tensor | undefined;
}

/**
 * x minus its part in the space: x − S Sᵀ x, or x − x S Sᵀ, for every matrix of a stack.
 *
 * @param x [n, rows, columns], `stride` elements apart.
 */
export function projectAway(g: Graph, x: Tensor, space: StackSpace, stride: number): Tensor {
  const inside = partInside(g, x, space);
  return space.side === 'rows'
    ? batchedMatmul(g, space.S, inside, { layout: 'nn', alpha: -1, addend: x, stride })
    : batchedMatmul(g, inside, space.S, { layout: 'nt', alpha: -1, addend: x, stride });
}

/** Coordinates of a stack in the space: Sᵀ x [n, k, columns], or x S [n, rows, k]. */
const partInside = (g: Graph, x: Tensor, { S, side }: StackSpace): Tensor =>
  side === 'rows' ? batchedMatmul(g, S, x, { layout: 'tn' }) : batchedMatmul(g, x, S, { layout: 'nn' });

/** The gradient without its part in the space; records its energy before and after. */
function keptOut(
  g: Graph,
  x: Tensor,
  space: StackSpace | undefined,
  stack: StackShape,
  { meters, unprojected }: KeepingOut,
): Tensor {
  if (space === undefined) return x;
  if (unprojected !== undefined) addInto(g, x, unprojected, 1 - ADAM.beta1, ADAM.beta1);
  const y = projectAway(g, x, space, stack.stride);
  if (meters !== undefined) {
    squares(g, x, stack, meters.before);
    squares(g, y, stack, meters.after);
  }
  return y;
}

/**
 * Records the energy of an update, and of its part in the space. S is orthonormal, so the coordinates have that energy.
 */
function measureLeakage(g: Graph, update: Tensor, inside: Tensor, stack: StackShape, meters: SpaceMeters): void {
  const stride = inside.elements / stack.count;
  squares(g, update, stack, meters.update);
  squares(g, inside, { count: stack.count, size: stride, stride }, meters.leaked);
}

/** One step for a stack of tensors trained by plain Adam, or of LoRA's A: docs/method.md, eq. (6) and eq. (7). */
export function recordPlainUpdate(
  g: Graph,
  stack: { gradient: Tensor; weights: Tensor; shape: StackShape },
  state: AdamState,
  space?: StackSpace,
  options: KeepingOut = {},
): void {
  const gradient = keptOut(g, stack.gradient, space, stack.shape, options);
  if (space === undefined || !(options.projectUpdate || options.meters)) {
    adamInto(g, gradient, stack.shape, state, stack.weights);
    return;
  }
  const update = adam(g, gradient, stack.shape, state);
  const kept = options.projectUpdate ? projectAway(g, update, space, stack.shape.stride) : update;
  if (options.meters) measureLeakage(g, kept, partInside(g, kept, space), stack.shape, options.meters);
  applyUpdate(g, kept, stack.shape, stack.weights);
}

/**
 * One step for a stack of weights that removes directions on both sides from gradients and updates
 * (docs/method.md, eq. (27)): G ← (I − U Uᵀ) G (I − V Vᵀ), and likewise the update.
 *
 * @param frozen U [n, out, k] and V [n, in, k].
 */
export function recordTwoSidedUpdate(
  g: Graph,
  stack: { gradient: Tensor; weights: Tensor; shape: StackShape },
  state: AdamState,
  { U, V }: { readonly U: Tensor; readonly V: Tensor },
): void {
  const { stride } = stack.shape;
  const outside = (x: Tensor): Tensor =>
    projectAway(g, projectAway(g, x, { S: U, side: 'rows' }, stride), { S: V, side: 'columns' }, stride);
  const update = adam(g, outside(stack.gradient), stack.shape, state);
  applyUpdate(g, outside(update), stack.shape, stack.weights);
}

/**
 * One step for a stack of full-rank weights with compressed gradients, whose change is stored separately in that form:
 * N ← N − scale · update, outside S by eq. (12) of docs/method.md.
 *
 * @param options.behind V_rᵀ [n, r, in] outside a space of inputs, like the gradient and the update: nothing is
 *   projected here, and the refresh has recorded the gradient's energies.
 */
export function recordCompressedUpdate(
  g: Graph,
  stack: { gradient: Tensor; change: Tensor; lowRank: StackShape; scale: number },
  state: AdamState,
  space?: StackSpace,
  options: KeepingOut & { behind?: Tensor | undefined } = {},
): void {
  const { lowRank } = stack;
  const { behind, meters } = options;
  const R = behind ? stack.gradient : keptOut(g, stack.gradient, space, lowRank, options);
  const projects = options.projectUpdate && !behind;
  if (space === undefined || !(projects || meters)) {
    adamInto(g, R, lowRank, state, stack.change, stack.scale);
    return;
  }
  let update = adam(g, R, lowRank, state);
  if (projects) update = projectAway(g, update, space, lowRank.stride);
  if (meters) {
    const reached = behind ? { S: batchedMatmul(g, behind, space.S, { layout: 'nn' }), side: space.side } : space;
    measureLeakage(g, update, partInside(g, update, reached), lowRank, meters);
  }
  applyUpdate(g, update, lowRank, stack.change, stack.scale);
}

/** The inputs of an update of a projected full-rank stack. */
export interface ProjectedStack {
  gradient: Tensor;
  weights: Tensor;
  /** Shape of the full matrices, and of the low-rank form that Adam sees. */
  shape: StackShape;
  lowRank: StackShape;
  basis: StackBasis;
  scale: number;
}

/**
 * One step for a stack of full-rank weights: docs/method.md, eq. (11), without the refresh of the basis.
 *
 * @param space acts on the low-rank form, or with `onFullGradient` on the full gradient before compression (activation
 *   space, docs/method.md, eq. (17)).
 */
export function recordProjectedUpdate(
  g: Graph,
  stack: ProjectedStack,
  state: AdamState,
  space?: StackSpace,
  options: KeepingOut & { onFullGradient?: boolean } = {},
): void {
  const { shape, lowRank, basis, scale } = stack;
  const onFull = options.onFullGradient === true;
  const isBehindV = onFull && basis.Vt !== undefined;
  const G = onFull ? keptOut(g, stack.gradient, space, shape, options) : stack.gradient;
  // A right basis outside S needs no projection: V = (I − S Sᵀ) V, so G V = (G − G S Sᵀ) V.
  const compressed = compress(g, isBehindV ? stack.gradient : G, basis, lowRank);
  const R = onFull ? compressed : keptOut(g, compressed, space, lowRank, options);
  let N = adam(g, R, lowRank, state);
  // With a right basis outside S, N Vᵀ stays outside; a left one leaves the input side uncompressed.
  if (space && options.projectUpdate && !isBehindV) N = projectAway(g, N, space, lowRank.stride);
  if (space && options.meters) {
    // The update is N Vᵀ (U and V are orthonormal): its part in a space of inputs is N (Vᵀ S).
    const { S } = space;
    const reached = isBehindV ? { S: batchedMatmul(g, basis.Vt, S, { layout: 'nn' }), side: space.side } : space;
    measureLeakage(g, N, partInside(g, N, reached), lowRank, options.meters);
  }
  const into = { into: stack.weights, accumulate: true, alpha: -scale };
  if (basis.U === undefined && basis.Vt !== undefined) {
    batchedMatmul(g, N, basis.Vt, { layout: 'nn', ...into });
  } else if (basis.U !== undefined && basis.Vt === undefined) {
    batchedMatmul(g, basis.U, N, { layout: 'nn', ...into });
  } else if (basis.U !== undefined && basis.Vt !== undefined) {
    const UN = batchedMatmul(g, basis.U, N, { layout: 'nn' }); // [n, out, r]
    batchedMatmul(g, UN, basis.Vt, { layout: 'nn', ...into });
  }
}

/** R = G V_r, U_rᵀ G, or U_rᵀ G V_r. */
function compress(g: Graph, G: Tensor, { U, Vt }: StackBasis, lowRank: StackShape): Tensor {
  const { stride } = lowRank;
  if (U === undefined && Vt !== undefined) {
    return batchedMatmul(g, G, Vt, { layout: 'nt', stride }); // [n, out, r]
  }
  if (U !== undefined && Vt === undefined) {
    return batchedMatmul(g, U, G, { layout: 'tn', stride }); // [n, r, in]
  }
  if (U === undefined || Vt === undefined) throw new Error('a projected stack needs a basis');
  const UG = batchedMatmul(g, U, G, { layout: 'tn' }); // [n, r, in]
  return batchedMatmul(g, UG, Vt, { layout: 'nt', stride }); // [n, r, r]
}
