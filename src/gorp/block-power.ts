import type { Graph } from '../graph/graph.ts';
import { addInto } from '../graph/ops/elementwise.ts';
import { innerProduct } from '../graph/ops/inner-product.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { fixSigns, orthonormaliseRows, rightSingularRows } from '../graph/ops/subspace.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Vectors carried beside the wanted ones, so that those converge fast whatever the gap behind them. */
const OVERSAMPLING = 8;
/** Passes over G and Gᵀ at a refresh. */
const PASSES = 2;

/** A gradient G = dYᵀ X that is never formed: x [tokens, in] is a layer's input, dy [tokens, out] its output's gradient. */
export interface ImplicitGradient {
  readonly x: Tensor;
  readonly dy: Tensor;
  /** S [in, k]: in place of G stands G − G S Sᵀ (activation space, docs/method.md, eq. (17)). */
  readonly outside?: Tensor | undefined;
}

/** How many vectors are carried for a rank, at most as many as the smaller side has. */
export const sketchSize = (rank: number, out: number, inputs: number): number =>
  Math.min(Math.ceil((rank + OVERSAMPLING) / 4) * 4, out, inputs);

/** Rows of x without their part in S: x − x S Sᵀ. */
export function outsideRows(g: Graph, x: Tensor, S: Tensor | undefined): Tensor {
  if (S === undefined) return x;
  const inside = matmul(g, x, S, { layout: 'nn' }); // [rows, k]
  return matmul(g, inside, S, { layout: 'nt', alpha: -1, addend: x }); // [rows, in]
}

/** The same in place. */
function keepOutside(g: Graph, x: Tensor, S: Tensor | undefined): void {
  if (S === undefined) return;
  const inside = matmul(g, x, S, { layout: 'nn' }); // [rows, k]
  matmul(g, inside, S, { layout: 'nt', alpha: -1, into: x, accumulate: true }); // [rows, in]
}

/** (G v_j)ᵀ as rows, for v_j the rows of `rows` [n, in], themselves outside S. [n, out] */
function throughGradient(g: Graph, { x, dy }: ImplicitGradient, rows: Tensor): Tensor {
  const inner = matmul(g, x, rows, { layout: 'nt' }); // [tokens, n]
  return matmul(g, inner, dy, { layout: 'tn' }); // [n, out]
}

/** u_jᵀ G as rows, for u_j the rows of `rows` [n, out]. [n, in] */
function throughTranspose(g: Graph, { x, dy, outside }: ImplicitGradient, rows: Tensor): Tensor {
  const inner = matmul(g, dy, rows, { layout: 'nt' }); // [tokens, n]
  return outsideRows(g, matmul(g, inner, x, { layout: 'tn' }), outside); // [n, in]
}

/**
 * Records the leading singular vectors of an implicit gradient by block power iteration: as docs/method.md, eq. (14), has
 * it, with G·Ω = dYᵀ(XΩ) and Gᵀ·Q = Xᵀ(dY Q), every half step orthonormalised. Small singular values keep their
 * precision: the last half step Z = L Ω is turned by the singular vectors of L, and no Gram matrix is formed.
 *
 * @param side on which the vectors lie: `right`, rows v_j [n, in], or `left`, rows u_j [n, out].
 * @param sketch [n, in] or [n, out]: where the last refresh left its vectors, or zero. The new ones go here, largest
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
  // Rows that replace others need not lie outside S: hence the projection behind each orthonormalisation too.
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
    keepOutside(g, sketch, outside);
    return;
  }
}

/**
 * Records the rows v_j that belong to the left vectors u_j: Gᵀ u_j made orthonormal in order.
 *
 * @param left rows u_j [n, out], largest singular value first.
 * @param into where they go, [n, in].
 */
export function recordRightPartners(g: Graph, gradient: ImplicitGradient, left: Tensor, into: Tensor): void {
  const rows = orthonormaliseRows(g, throughTranspose(g, gradient, left));
  addInto(g, outsideRows(g, rows, gradient.outside), into, 1, 0);
}

/**
 * Records an estimate of how much of a gradient lies in a space of inputs: energies of `probes` G and of its part outside
 * S, into `before[index]` and `after[index]`. With independent ±1 as entries of the probes each has the expectation of
 * the whole energy (Hutchinson), times the number of probes.
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
