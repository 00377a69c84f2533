import type { Graph } from '../graph/graph.ts';
import { addInto } from '../graph/ops/elementwise.ts';
import { innerProduct } from '../graph/ops/square-measures.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { fixSigns, orthonormaliseRows, rightSingularRows } from '../graph/ops/subspace.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Extra vectors, so that the wanted ones converge fast whatever the gap after them. */
const OVERSAMPLING = 8;
/** Passes over G and Gᵀ at a refresh. */
export const PASSES = 2;
/** The halves of a pass: away from the side of the wanted vectors, and back. */
export type Half = 'away' | 'back';
/** The work between two halves: before the first and between two passes, after one away, and after the last. */
export type Turn = 'begin' | 'away' | 'last';

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

/** Removes from the rows of x, in place, their part in a space of inputs. */
function removeWithin(g: Graph, x: Tensor, P: Tensor | undefined): void {
  if (P !== undefined) addInto(g, outsideRows(g, x, P), x, 1, 0);
}

/** Orthonormalisation may replace rows by ones inside S, so the projection follows it. */
const orthonormalOutside = (g: Graph, rows: Tensor, P: Tensor | undefined): Tensor =>
  outsideRows(g, orthonormaliseRows(g, rows), P);

/** Whether a product adds to a tensor. */
type Sum = { readonly into: Tensor; readonly accumulate: true };

/** (G v_j)ᵀ as rows [n, out], for v_j the rows of `rows` [n, in], themselves outside S. */
function throughGradient(g: Graph, { x, dy }: ImplicitGradient, rows: Tensor, sum?: Sum): Tensor {
  const inner = matmul(g, x, rows, { layout: 'nt' }); // [tokens, n]
  return matmul(g, inner, dy, { layout: 'tn', ...sum }); // [n, out]
}

/** u_jᵀ G as rows [n, in], for u_j the rows of `rows` [n, out]. */
function throughTranspose(g: Graph, { x, dy, outside }: ImplicitGradient, rows: Tensor, sum?: Sum): Tensor {
  const inner = matmul(g, dy, rows, { layout: 'nt' }); // [tokens, n]
  return outsideRows(g, matmul(g, inner, x, { layout: 'tn', ...sum }), outside); // [n, in]
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
  let image = outsideRows(g, sketch, outside);
  for (let pass = 1; pass <= PASSES; pass++) {
    const rows = orthonormalOutside(g, image, outside); // Ω
    const turned = orthonormalOutside(g, away(g, gradient, rows), isRight ? undefined : gradient.outside);
    image = back(g, gradient, turned); // Z
  }
  recordVectors(g, image, outside, sketch);
}

/** Records the singular vectors that the last half step Z holds. */
function recordVectors(g: Graph, image: Tensor, outside: Tensor | undefined, sketch: Tensor): void {
  const basis = orthonormaliseRows(g, image); // Ω
  const lower = matmul(g, image, basis, { layout: 'nt' }); // L [n, n]
  const vectors = matmul(g, rightSingularRows(g, lower), basis, { layout: 'nn' }); // Pᵀ Ω
  fixSigns(g, vectors, sketch);
  removeWithin(g, sketch, outside);
}

/** The vectors of a gradient that is the sum of several implicit ones: the wanted ones, and their images. */
export interface SummedVectors {
  readonly side: 'left' | 'right';
  /** [n, in] or [n, out], as for {@link recordLeadingVectors}. */
  readonly sketch: Tensor;
  /** [n, out] or [n, in]. */
  readonly image: Tensor;
  /** As in {@link ImplicitGradient}. */
  readonly outside: Tensor | undefined;
}

/**
 * {@link recordLeadingVectors} for a sum of implicit gradients, in several programs: each half of a pass adds the
 * products of every gradient ({@link recordHalf}), and what stands between two halves takes the sum.
 */
export function recordTurn(g: Graph, { side, sketch, image, outside }: SummedVectors, turn: Turn): void {
  const [rows, isInputs] = turn === 'away' ? [image, side === 'left'] : [sketch, side === 'right'];
  const P = isInputs ? outside : undefined;
  const sum = outsideRows(g, rows, P);
  if (turn === 'last') recordVectors(g, sum, P, sketch);
  else addInto(g, orthonormalOutside(g, sum, P), rows, 1, 0);
}

/** Adds the product of one gradient to the image of the sketch (`away`), or of the image to the sketch (`back`). */
export function recordHalf(
  g: Graph,
  { x, dy }: Pick<ImplicitGradient, 'x' | 'dy'>,
  { side, sketch, image }: SummedVectors,
  half: Half,
): void {
  const [rows, into] = half === 'away' ? [sketch, image] : [image, sketch];
  const through = (half === 'away') === (side === 'right') ? throughGradient : throughTranspose;
  through(g, { x, dy }, rows, { into, accumulate: true });
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
  energies: Energies,
): void {
  recordShareOf(g, throughTranspose(g, { x, dy }, probes), outside, energies);
}

/** Where two energies of a gradient go. */
export interface Energies {
  readonly before: Tensor;
  readonly after: Tensor;
  readonly index: number;
}

/** Adds `probes` G of one gradient to a sum [n, in], for {@link recordShareOf}. */
export function recordProbes(
  g: Graph,
  { x, dy }: Pick<ImplicitGradient, 'x' | 'dy'>,
  probes: Tensor,
  into: Tensor,
): void {
  throughTranspose(g, { x, dy }, probes, { into, accumulate: true });
}

/** {@link recordShareEstimate} from `probes` G [n, in]. */
export function recordShareOf(
  g: Graph,
  all: Tensor,
  outside: Tensor | undefined,
  { before, after, index }: Energies,
): void {
  const rest = outsideRows(g, all, outside);
  innerProduct(g, all, all, before, index);
  innerProduct(g, rest, rest, after, index);
}
