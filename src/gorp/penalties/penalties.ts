import type { Graph } from '../../graph/graph.ts';
import { addInto, sign, unit } from '../../graph/ops/elementwise.ts';
import { innerProduct } from '../../graph/ops/inner-product.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import type { Tensor } from '../../graph/tensor.ts';

/** An adapter pair with its gradients. A [r, in], B [out, r]. */
export interface PenalisedPair {
  readonly A: Tensor;
  readonly B: Tensor;
  readonly gradA: Tensor;
  readonly gradB: Tensor;
}

/**
 * O-LoRA's term λ Σ|A_prev Aᵀ|: adds its gradient λ sign(A A_prevᵀ) A_prev to that of A (docs/method.md, eq. (22)).
 *
 * @param previous A_prev [(t−1) r, in].
 */
export function recordOrthogonalPenalty(g: Graph, pair: PenalisedPair, previous: Tensor, lambda: number): void {
  const overlap = matmul(g, pair.A, previous, { layout: 'nt' }); // [r, (t−1) r]
  matmul(g, sign(g, overlap), previous, { layout: 'nn', alpha: lambda, into: pair.gradA, accumulate: true });
}

/** N-LoRA's term λ Σ|B A| (docs/method.md, eq. (24)): adds λ Bᵀ sign(B A) to the gradient of A and λ sign(B A) Aᵀ to that of B. */
export function recordSparsityPenalty(g: Graph, { A, B, gradA, gradB }: PenalisedPair, lambda: number): void {
  const signs = sign(g, matmul(g, B, A, { layout: 'nn' })); // [out, in]
  matmul(g, B, signs, { layout: 'tn', alpha: lambda, into: gradA, accumulate: true });
  matmul(g, signs, A, { layout: 'nt', alpha: lambda, into: gradB, accumulate: true });
}

/**
 * N-LoRA's term as its code computes it (docs/method.md, eq. (25)): λ Σ|A B| with the matrices multiplied the other way
 * round, A [r, in] times B [out, r], which requires in = out. Adds λ sign(A B) Bᵀ to the gradient of A and λ Aᵀ sign(A
 * B) to that of B.
 */
export function recordCrossedPenalty(g: Graph, { A, B, gradA, gradB }: PenalisedPair, lambda: number): void {
  const signs = sign(g, matmul(g, A, B, { layout: 'nn' })); // [r, r]
  matmul(g, signs, B, { layout: 'nt', alpha: lambda, into: gradA, accumulate: true });
  matmul(g, A, signs, { layout: 'tn', alpha: lambda, into: gradB, accumulate: true });
}

/**
 * O-LoRA's second term λ (‖A‖ + ‖B‖), with norms, not squared norms (docs/method.md, eq. (23)): adds λ A / ‖A‖ and λ B
 * / ‖B‖ to the gradients, 0 if a matrix is 0.
 */
export function recordNormPenalty(g: Graph, { A, B, gradA, gradB }: PenalisedPair, lambda: number): void {
  for (const [x, gradient] of [[A, gradA] as const, [B, gradB] as const]) {
    const squared = g.intermediate(`squared norm of ${x.name}`, [1]);
    innerProduct(g, x, x, squared, 0);
    addInto(g, unit(g, x, squared), gradient, lambda, 1);
  }
}
