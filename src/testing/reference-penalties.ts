import { ANCHOR, FISHER } from '../gorp/importance/importance-part.ts';
import { adapterName, type MethodPlan, partOf, weightIn } from '../gorp/part/method-plan.ts';
import { type Matrix, multiply, transpose } from '../linear-algebra/matrix.ts';

/** An adapter pair: A [r, in], B [out, r]. */
export interface Pair {
  A: Matrix;
  B: Matrix;
}

/** A layer with the terms of the loss that a method adds to it. */
interface PenalisedLayer {
  readonly plan: MethodPlan;
  /** The number of the task, from 1. */
  readonly task: number;
  readonly layer: string;
  readonly pair: Pair;
  /** The pairs of earlier tasks. */
  readonly frozen: readonly Pair[];
  /** Importances and anchors of adapters by their names in a state. */
  readonly importances: ReadonlyMap<string, Matrix>;
}

/**
 * Adds the gradients of λ Σ|A_prev Aᵀ|, λ (‖A‖ + ‖B‖), λ Σ|B A|, λ Σ|A B| and λ/2 Σ importance ∘ (θ − anchor)², entry by
 * entry.
 */
export function addPenalties(
  { plan, task, layer, pair: { A, B }, frozen, importances }: PenalisedLayer,
  gradients: ReadonlyMap<string, Matrix>,
): void {
  const importance = partOf(plan, 'importance');
  const penalties = partOf(plan, 'penalties')?.terms ?? [];
  if (penalties.length === 0 && importance === undefined) return;
  const weightOf = (kind: 'orthogonal' | 'sparse' | 'crossed' | 'norm'): number =>
    penalties.reduce((sum, term) => sum + (term.kind === kind ? weightIn(term, task) : 0), 0);
  const [orthogonal, sparse] = [weightOf('orthogonal'), weightOf('sparse')];
  const [dA, dB] = ['A', 'B'].map((part) => (gradients.get(`${part} ${layer}`) as Matrix).data);
  const width = A.columns;
  for (const { A: previous } of frozen) {
    const overlap = multiply(previous, transpose(A));
    for (let p = 0; p < previous.rows; p++)
      for (let i = 0; i < A.rows; i++)
        for (let j = 0; j < width; j++)
          dA[i * width + j] += orthogonal * Math.sign(overlap.data[p * A.rows + i]) * previous.data[p * width + j];
  }
  if (importance && importances.size > 0) {
    for (const [values, gradient, part] of [[A.data, dA, 'lora_A'] as const, [B.data, dB, 'lora_B'] as const]) {
      const of = (what: string): Float64Array => (importances.get(what + adapterName(layer, part)) as Matrix).data;
      const [fisher, anchor] = [of(FISHER), of(ANCHOR)];
      for (let i = 0; i < values.length; i++) gradient[i] += importance.weight * fisher[i] * (values[i] - anchor[i]);
    }
  }
  const crossed = weightOf('crossed');
  if (crossed > 0) {
    const signs = multiply(A, B).data.map(Math.sign);
    for (let i = 0; i < A.rows; i++)
      for (let k = 0; k < A.rows; k++)
        for (let j = 0; j < width; j++) {
          dA[i * width + j] += crossed * signs[i * A.rows + k] * B.data[j * A.rows + k];
          dB[j * A.rows + k] += crossed * signs[i * A.rows + k] * A.data[i * width + j];
        }
  }
  for (const [values, gradient] of [[A.data, dA] as const, [B.data, dB] as const]) {
    const length = Math.hypot(...values);
    if (length > 0) values.forEach((value, i) => (gradient[i] += (weightOf('norm') * value) / length));
  }
  const change = multiply(B, A);
  for (let o = 0; o < B.rows; o++)
    for (let j = 0; j < width; j++)
      for (let i = 0; i < A.rows; i++) {
        const push = sparse * Math.sign(change.data[o * width + j]);
        dA[i * width + j] += push * B.data[o * A.rows + i];
        dB[o * A.rows + i] += push * A.data[i * width + j];
      }
}
