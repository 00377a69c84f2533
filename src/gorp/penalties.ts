import type { Graph } from '../graph/graph.ts';
import { sign } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';

/** An adapter pair with the places of its gradients. A [r, in], B [out, r]. */
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

/** N-LoRA's term λ Σ|B A| (docs/method.md, eq. (23)): adds λ Bᵀ sign(B A) to the gradient of A and λ sign(B A) Aᵀ to that of B. */
export function recordSparsityPenalty(g: Graph, { A, B, gradA, gradB }: PenalisedPair, lambda: number): void {
  const signs = sign(g, matmul(g, B, A, { layout: 'nn' })); // [out, in]
  matmul(g, B, signs, { layout: 'tn', alpha: lambda, into: gradA, accumulate: true });
  matmul(g, signs, A, { layout: 'nt', alpha: lambda, into: gradB, accumulate: true });
}
