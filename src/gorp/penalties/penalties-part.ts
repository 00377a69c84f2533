import { GorpError } from '../../base/errors.ts';
import type { Graph } from '../../graph/graph.ts';
import { addInto, sign, unit } from '../../graph/ops/elementwise.ts';
import { innerProduct } from '../../graph/ops/square-measures.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { LoraGroup } from '../adapters/lora-group.ts';
import type { Part, TaskOf } from '../part/part.ts';
import { type PenaltyPlan, weightIn } from '../part/method-plan.ts';

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

/** Terms of the loss on the entries of adapters: adds their gradients to those of the batches. */
export class Penalties implements Part {
  readonly #plan: PenaltyPlan;
  readonly #groups: readonly LoraGroup[];
  #task = 1;

  /** @throws GorpError `settings/not-square`. */
  constructor(plan: PenaltyPlan, groups: readonly LoraGroup[]) {
    this.#plan = plan;
    this.#groups = groups;
    const odd = groups.find(({ layers: { out, inputs } }) => out !== inputs)?.layers;
    if (odd === undefined || !plan.terms.some(({ kind }) => kind === 'crossed')) return;
    throw new GorpError(
      'settings/not-square',
      `The released form of N-LoRA needs the product A B, but ${odd.names[0]} is [${odd.out}, ${odd.inputs}], not square.`,
      'Choose the form of the paper, or adapt layers with as many inputs as outputs.',
    );
  }

  beginTask({ task }: TaskOf): Promise<void> {
    this.#task = task;
    return Promise.resolve();
  }

  resumeTask({ task }: Pick<TaskOf, 'task'>): void {
    this.#task = task;
  }

  recordTerms(g: Graph): void {
    for (const group of this.#groups) {
      for (const name of group.layers.names) {
        const pair = group.pairOf(name);
        const previous = group.adapters.previousA(name);
        for (const term of this.#plan.terms) {
          const weight = weightIn(term, this.#task);
          if (weight === 0) continue;
          if (term.kind === 'orthogonal' && previous) recordOrthogonalPenalty(g, pair, previous, weight);
          if (term.kind === 'norm') recordNormPenalty(g, pair, weight);
          if (term.kind === 'sparse') recordSparsityPenalty(g, pair, weight);
          if (term.kind === 'crossed') recordCrossedPenalty(g, pair, weight);
        }
      }
    }
  }
}
