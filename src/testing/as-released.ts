import type { Graph } from '../graph/graph.ts';
import { batchedMatmul } from '../graph/ops/matmul.ts';
import type { StackShape } from '../graph/ops/optimizer.ts';
import type { Tensor } from '../graph/tensor.ts';
import { growSpace, type SpaceGrowth } from '../gorp/spaces/space.ts';
import { columnSlice, type Matrix } from '../linear-algebra/matrix.ts';
import { leadingSingularVectors, signFix } from '../linear-algebra/svd.ts';

/**
 * The choices by which the paper's released code differs from the paper, and which the reference numbers of its
 * optimizer therefore have: five choices of the basis (docs/method.md, eq. (8) is `std`), formed gradients with exact
 * singular vectors, a space that always acts on the left of the compressed gradient (8) is `std`), formed gradients
 * with exact singular vectors, a space that always acts on the left of the compressed gradient, and a rule that adds
 * one direction too few after the first task. Methods have none of it.
 */
export type ProjType = 'std' | 'reverse_std' | 'left' | 'right' | 'full';

/**
 * The basis of a low-rank projection. The compressed form of a gradient G is G V_r (out × r) with only `right`, U_rᵀ G
 * (r × in) with only `left`, and U_rᵀ G V_r (r × r) with both.
 */
export interface Basis {
  /** U_r: out × r, orthonormal columns. */
  readonly left: Matrix | null;
  /** V_r: in × r, orthonormal columns. */
  readonly right: Matrix | null;
}

/** Which singular vectors a projection uses: U_r, V_r, or with `full` both. */
export function releasedSide(projType: ProjType, rows: number, columns: number): 'left' | 'right' | 'full' {
  const tall = rows >= columns;
  if (projType === 'std') return tall ? 'right' : 'left';
  if (projType === 'reverse_std') return tall ? 'left' : 'right';
  return projType;
}

/** Shape [rows, columns] of the compressed gradient of a weight of `rows` × `columns`. */
export function releasedShape(rows: number, columns: number, rank: number, projType: ProjType): [number, number] {
  const r = Math.min(rank, rows, columns);
  const side = releasedSide(projType, rows, columns);
  return [side === 'right' ? rows : r, side === 'left' ? columns : r];
}

/**
 * The first `rank` singular vectors of a gradient, by the sign rule of docs/method.md, eq. (9): the entry of largest
 * magnitude is positive in v_j for a right basis, in u_j for a left or two-sided one.
 *
 * @param g out × in.
 * @param rank number of vectors, at most min(out, in).
 */
export function releasedBasis(g: Matrix, rank: number, projType: ProjType): Basis {
  const { left, right } = leadingSingularVectors(g, rank);
  if (releasedSide(projType, g.rows, g.columns) === 'right') {
    return { left: null, right: signFix(right, left).vectors };
  }
  const { vectors, partners } = signFix(left, right);
  return { left: vectors, right: projType === 'full' ? partners : null };
}

/** The basis of a stack: U [n, out, r], V transposed [n, r, in]; at least one of them. */
export interface StackBasis {
  readonly U?: Tensor | undefined;
  readonly Vt?: Tensor | undefined;
}

/** Records R = G V_r, U_rᵀ G, or U_rᵀ G V_r of formed gradients. */
export function recordCompression(g: Graph, G: Tensor, { U, Vt }: StackBasis, { stride }: StackShape): Tensor {
  const half = U && batchedMatmul(g, U, G, { layout: 'tn', ...(!Vt && { stride }) }); // [n, r, in]
  if (Vt) return batchedMatmul(g, half ?? G, Vt, { layout: 'nt', stride }); // [n, out, r] or [n, r, r]
  if (half) return half;
  throw new Error('a projected stack needs a basis');
}

/** Records W ← W − scale · (N V_rᵀ, U_r N, or U_r N V_rᵀ). */
export function recordExpansion(g: Graph, N: Tensor, { U, Vt }: StackBasis, weights: Tensor, scale: number): void {
  const into = { layout: 'nn', into: weights, accumulate: true, alpha: -scale } as const;
  if (U && Vt) batchedMatmul(g, batchedMatmul(g, U, N, { layout: 'nn' }), Vt, into);
  else if (Vt) batchedMatmul(g, N, Vt, into);
  else if (U) batchedMatmul(g, U, N, into);
}

/** Directions that the released rule adds after a first task: as many as have a cumulative share below the threshold. */
export function releasedCount(spectrum: readonly number[], threshold: number): number {
  let held = 0;
  const reached = spectrum.findIndex((share) => (held += share) >= threshold - 1e-12);
  return Math.max(0, reached);
}

/**
 * As {@link growSpace}, by the released rule.
 *
 * @param options.space null before the first task. An empty space after a task that added nothing is not null: the rule
 *   treats it as a later task.
 */
export function growAsReleased(options: Parameters<typeof growSpace>[0]): SpaceGrowth {
  const growth = growSpace(options);
  if (options.space !== null) return growth;
  const added = releasedCount(growth.spectrum, options.threshold);
  return { ...growth, space: columnSlice(growth.space, 0, added), added, total: added };
}
