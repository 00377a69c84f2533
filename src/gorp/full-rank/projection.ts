import type { Matrix } from '../../linear-algebra/matrix.ts';
import type { ProjType } from '../method-plan.ts';
import { leadingSingularVectors, signFix } from '../../linear-algebra/singular-vectors.ts';

/** Which singular vectors a projection uses: U_r, V_r, or with `full` both. */
export type BasisSide = 'left' | 'right' | 'full';

/**
 * The basis of a low-rank projection. The compressed form of a gradient G is G V_r (out × r) with only `right`, U_rᵀ G
 * (r × in) with only `left`, and U_rᵀ G V_r (r × r) with both.
 */
export interface Basis {
  /** U_r: out × r, orthonormal columns. */
  left: Matrix | null;
  /** V_r: in × r, orthonormal columns. */
  right: Matrix | null;
}

/** The side of the basis for a weight of `rows` × `columns` (out × in): docs/method.md, eq. (8). */
export function basisSide(projType: ProjType, rows: number, columns: number): BasisSide {
  const tall = rows >= columns;
  if (projType === 'std') return tall ? 'right' : 'left';
  if (projType === 'reverse_std') return tall ? 'left' : 'right';
  return projType;
}

/** Shape [rows, columns] of the compressed gradient of a weight of `rows` × `columns`. */
export function compressedShape(rows: number, columns: number, rank: number, projType: ProjType): [number, number] {
  const r = Math.min(rank, rows, columns);
  const side = basisSide(projType, rows, columns);
  return [side === 'right' ? rows : r, side === 'left' ? columns : r];
}

/**
 * The first `rank` singular vectors of a gradient, by the sign rule of docs/method.md, eq. (9): the entry of largest
 * magnitude is positive in v_j for a right basis, in u_j for a left or two-sided one.
 *
 * @param g out × in.
 * @param rank number of vectors, at most min(out, in).
 * @throws GorpError `run/not-finite` if g has a value that is not finite.
 */
export function makeBasis(g: Matrix, rank: number, projType: ProjType): Basis {
  const { left, right } = leadingSingularVectors(g, rank);
  if (basisSide(projType, g.rows, g.columns) === 'right') {
    return { left: null, right: signFix(right, left).vectors };
  }
  const { vectors, partners } = signFix(left, right);
  return { left: vectors, right: projType === 'full' ? partners : null };
}
