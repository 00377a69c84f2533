import type { Graph } from '../graph/graph.ts';
import { addInto } from '../graph/ops/elementwise.ts';
import { innerProduct } from '../graph/ops/inner-product.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { fixSigns, orthonormaliseRows, rightSingularRows } from '../graph/ops/subspace.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Extra vectors, so that the wanted ones converge fast whatever the gap after them. */
const OVERSAMPLING = 8;
/** Passes over G and Gᵀ at a refresh. */
const PASSES = 2;

/** A gradient G = dYᵀ X that is never formed: x [tokens, in] is a layer's input, dy [tokens, out] its output's gradient. */
export interface ImplicitGradient {
  readonly x: Tensor;
  readonly dy: Tensor;
  /** P = I − S Sᵀ [in, in], symmetric: G P replaces G (a space of inputs, docs/method.md, eq. (17)). */
  readonly outside?: Tensor | undefined;
}

/** How many vectors are computed for a rank, at most the smaller side. */
export const sketchSize = (rank: number, out: number, inputs: number): number =>
  Math.min(Math.ceil((rank + OVERSAMPLING) / 4) * 4, out, inputs);

/** Rows of x without their part in a space of inputs: x P. */
export const outsideRows = (g: Graph, x: Tensor, P: Tensor | undefined): Tensor =>
  P === undefined ? x : matmul(g, x, P, { layout: 'nn' });

/** The same in place. */
function removeWithin(g: Graph, x: Tensor, P: Tensor | undefined): void {
  if (P !== undefined) addInto(g, outsideRows(g, x, P), x, 1, 0);
}

/** (G v_j)ᵀ as rows [n, out], for v_j the rows of `rows` [n, in], themselves outside S. */
function throughGradient(g: Graph, { x, dy }: ImplicitGradient, rows: Tensor): Tensor {
  const inner = matmul(g, x, rows, { layout: 'nt' }); // [tokens, n]
  return matmul(g, inner, dy, { layout: 'tn' }); // [n, out]
}

/** u_jᵀ G as rows [n, in], for u_j the rows of `rows` [n, out]. */
function throughTranspose(g: Graph, { x, dy, outside }: ImplicitGradient, rows: Tensor): Tensor {
  const inner = matmul(g, dy, rows, { layout: 'nt' }); // [tokens, n]
  return outsideRows(g, matmul(g, inner, x, { layout: 'tn' }), outside); // [n, in]
}

/**
 * Records the leading singular vectors of an implicit gradient by block power iteration (docs/method.md, eq. (14)),
 * with G·Ω = dYᵀ(XΩ) and Gᵀ·Q = Xᵀ(dY Q), orthonormalising every half step. Small singular values stay precise: the
 * singular vectors of L rotate the last half step Z = L Ω, and no Gram matrix is formed.
 *
 * @param side of the vectors: `right`, rows v_j [n, in], or `left`, rows u_j [n, out].
 * @param sketch [n, in] or [n, out]: the vectors of the last refresh, or zero. The new ones replace them, largest
 *   singular value first, signs by docs/method.md, eq. (9).
 */
export function recordLeadingVectors(
  g: Graph,
  gradient: ImplicitGradient,
  side: 'left' | 'right',
  sketch: Tensor,
): void {
  const isRight = side === 'right';
  const outside = isRight ? gradient.outside : undefined;
  const away = isRight ? throughGradient : throughTranspose;
  const back = isRight ? throughTranspose : throughGradient;
  // Orthonormalisation may replace rows by ones inside S, so the projection follows it again.
  const turned = (rows: Tensor): Tensor =>
    outsideRows(g, orthonormaliseRows(g, rows), isRight ? undefined : gradient.outside);
  let rows = outsideRows(g, orthonormaliseRows(g, outsideRows(g, sketch, outside)), outside);
  for (let pass = 1; ; pass++) {
    const image = back(g, gradient, turned(away(g, gradient, rows))); // Z
    const basis = orthonormaliseRows(g, image); // Ω
    if (pass < PASSES) {
      rows = outsideRows(g, basis, outside);
      continue;
    }
    const lower = matmul(g, image, basis, { layout: 'nt' }); // L [n, n]
    const vectors = matmul(g, rightSingularRows(g, lower), basis, { layout: 'nn' }); // Pᵀ Ω
    fixSigns(g, vectors, sketch);
    removeWithin(g, sketch, outside);
    return;
  }
}

/**
 * Records an estimate of the share of a gradient in a space of inputs: the energies of `probes` G and of its part
 * outside S, into `before[index]` and `after[index]`. If the entries of the probes are independent ±1, each energy has
 * the expectation of the full energy times the number of probes (Hutchinson).
 *
 * @param probes [n, out].
 */
export function recordShareEstimate(
  g: Graph,
  { x, dy, outside }: ImplicitGradient,
  probes: Tensor,
  { before, after, index }: { before: Tensor; after: Tensor; index: number },
): void {
  const all = throughTranspose(g, { x, dy }, probes); // [n, in]
  const rest = outsideRows(g, all, outside);
  innerProduct(g, all, all, before, index);
  innerProduct(g, rest, rest, after, index);
}
