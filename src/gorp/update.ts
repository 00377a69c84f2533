import type { Graph } from '../graph/graph.ts';
import { addInto } from '../graph/ops/elementwise.ts';
import { ADAM, type AdamState, adam, adamInto, applyUpdate, squares, type StackShape } from '../graph/ops/optimizer.ts';
import { batchedMatmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Side of a matrix on which the shared space acts: S ∈ R^{rows×k} from the left, or R^{columns×k} from the right. */
export type Side = 'rows' | 'columns';

/** The shared space of a stack: S [n, dimension, k], of which unused columns are zero. */
export interface StackSpace {
  readonly S: Tensor;
  readonly side: Side;
}

/** Bases of a projected stack; docs/method.md, eq. (8). U [n, out, r], V transposed [n, r, in]; at least one of them. */
export interface StackBasis {
  readonly U?: Tensor | undefined;
  readonly Vt?: Tensor | undefined;
}

/** What is measured while a stack is kept out of a space: [n] each, energies (‖·‖²). */
export interface SpaceMeters {
  /** Of the gradient, before and after its part in the space is projected away. */
  readonly before: Tensor;
  readonly after: Tensor;
  /** Of the update that Adam makes of it, and of the part of the update that lies in the space again. */
  readonly update: Tensor;
  readonly leaked: Tensor;
}

/** How a stack is kept out of a space, beside what its gradient is. */
export interface KeepingOut {
  /** Whether updates are kept out of the space, not gradients alone. */
  readonly projectUpdate?: boolean;
  readonly meters?: SpaceMeters | undefined;
  /** Adam's first moment as it would be with nothing projected away, of the projected form; changed in place. */
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

/** The gradient without its part in the space; notes what it was before. */
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

/** Notes the energy of an update, and of its coordinates in the space. S is orthonormal, so these have its energy. */
function measureLeakage(g: Graph, update: Tensor, inside: Tensor, stack: StackShape, meters: SpaceMeters): void {
  const stride = inside.elements / stack.count;
  squares(g, update, stack, meters.update);
  squares(g, inside, { count: stack.count, size: stride, stride }, meters.leaked);
}

/** One step for a stack of plainly trained tensors or of LoRA's A: docs/method.md, eq. (6) and eq. (7). */
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
 * One step for a stack of full-rank weights whose gradients come compressed, and whose change is kept in that form
 * beside them: N ← N − scale · update, outside S by eq. (12) of docs/method.md.
 *
 * @param options.behind V_rᵀ [n, r, in] that lies outside a space of inputs by itself, and with it the gradient and the
 *   update: nothing is projected away here, and the refresh has noted the gradient's energies.
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

/** What a projected full-rank stack is updated with. */
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
 * @param space acts on the low-rank form, or with `onFullGradient` on the full gradient before it is compressed
 *   (activation space, docs/method.md, eq. (17)).
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
  // A right basis outside S keeps S out by itself: V is (I − S Sᵀ) V, and G V what (G − G S Sᵀ) V is.
  const compressed = compress(g, isBehindV ? stack.gradient : G, basis, lowRank);
  const R = onFull ? compressed : keptOut(g, compressed, space, lowRank, options);
  let N = adam(g, R, lowRank, state);
  // With a right basis inside the complement of S, N Vᵀ cannot leave it; a left one keeps the input side whole.
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
