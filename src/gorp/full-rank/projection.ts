/** The singular vectors of a gradient that compress it: U_r or V_r. */
export type BasisSide = 'left' | 'right';

/** The side of the basis for a weight out × in, which compresses the smaller dimension: docs/method.md, eq. (8). */
export const basisSide = (out: number, inputs: number): BasisSide => (out >= inputs ? 'right' : 'left');

/** Shape [rows, columns] of the compressed gradient: G V_r [out, r], or U_rᵀ G [r, in]. */
export function compressedShape(out: number, inputs: number, rank: number): [number, number] {
  const r = Math.min(rank, out, inputs);
  return basisSide(out, inputs) === 'right' ? [out, r] : [r, inputs];
}
