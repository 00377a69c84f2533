import { type Matrix, matrix, subtract } from '../linear-algebra/matrix.ts';
import type { MomentSpacePlan, SpacePlan } from '../gorp/part/method-plan.ts';
import { type Basis, type ProjType, releasedBasis, releasedShape } from './as-released.ts';
import { projectOutLeft } from '../gorp/spaces/space.ts';
import { compress, expand, projectOutRight } from './matrices.ts';

// The reference has its own constants, so that it does not repeat a mistake in the tested code.
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-6;

/**
 * Side of a full-rank gradient on which the shared space S acts.
 * - `kept`: the side that the low-rank form leaves uncompressed: out for G V_r, in for U_rᵀ G. U_rᵀ G V_r leaves none,
 *   so S acts on its left, in r dimensions, as released.
 * - `left`: always the left of the low-rank form, as released.
 * - `input`: the input side of the full gradient, before its SVD (activation space).
 */
export type FullRankSpaceSide = 'kept' | 'left' | 'input';

interface Rates {
  learningRate: number;
  /** Decoupled weight decay: W ← W (1 − learningRate · weightDecay) after the step. */
  weightDecay: number;
}

interface Projected {
  /** S with orthonormal columns, in the dimension of the side it acts on; null means an empty one. */
  space: Matrix | null;
  /** The tensor from which S is removed: the gradient, or the update as well. */
  project: SpacePlan['project'];
}

/** How a tensor is trained, in the groups of the released optimizer: docs/method.md, section 3. */
export type ReferenceGroup =
  | (Rates & { kind: 'regular' })
  /** Trained rows; the others do not change. */
  | (Rates & { kind: 'masked'; rows: readonly boolean[] })
  /** The columns of U are removed on the left, those of V on the right. */
  | (Rates & { kind: 'two-sided'; U: Matrix; V: Matrix })
  | (Rates & Projected & { kind: 'lora'; loraSpace: MomentSpacePlan['loraSpace'] })
  | (Rates &
      Projected & {
        kind: 'galore';
        rank: number;
        /** Steps between two refreshes of the basis. */
        updateProjGap: number;
        scale: number;
        projType: ProjType;
        spaceSide: FullRankSpaceSide;
      });

export interface ReferenceState {
  /** Adam's moments, in the weight's shape, or in the low-rank shape for the galore group. */
  m: Matrix;
  v: Matrix;
  /** Number of steps taken. */
  step: number;
  /** The basis of the last refresh; null before the first step and in other groups. */
  basis: Basis | null;
}

/** The state before a task's first step, for a weight of `rows` × `columns`. */
export function referenceState(rows: number, columns: number, group: ReferenceGroup): ReferenceState {
  const shape: [number, number] =
    group.kind === 'galore' ? releasedShape(rows, columns, group.rank, group.projType) : [rows, columns];
  return { m: matrix(...shape), v: matrix(...shape), step: 0, basis: null };
}

/**
 * One step of the projected AdamW in f64: the plain reference for the GPU (docs/method.md, section 3). Gradients must
 * already be averaged and clipped.
 *
 * @param weight out × in; LoRA's A as r × in, its B as out × r.
 * @param gradient of the same shape.
 * @returns the weight and state after the step; the arguments do not change.
 */
export function referenceStep(
  weight: Matrix,
  gradient: Matrix,
  state: ReferenceState,
  group: ReferenceGroup,
): { weight: Matrix; state: ReferenceState } {
  const { basis, projected } = projectedGradient(gradient, state, group);
  const m = combine(state.m, projected, (old, g) => BETA1 * old + (1 - BETA1) * g);
  const v = combine(state.v, projected, (old, g) => BETA2 * old + (1 - BETA2) * g * g);
  const step = state.step + 1;
  // Corrects the bias of both moments; ε is added to the uncorrected √v.
  const stepSize = (group.learningRate * Math.sqrt(1 - BETA2 ** step)) / (1 - BETA1 ** step);
  const quotient = combine(m, v, (first, second) => (stepSize * first) / (Math.sqrt(second) + EPSILON));
  const moved = subtract(weight, projectedUpdate(quotient, basis, group));
  const decay = 1 - group.learningRate * group.weightDecay;
  return {
    weight: { ...moved, data: moved.data.map((value) => value * decay) },
    state: { m, v, step, basis },
  };
}

/** The gradient as Adam sees it: outside S, and in its low-rank form if there is one. */
function projectedGradient(
  gradient: Matrix,
  { step, basis }: ReferenceState,
  group: ReferenceGroup,
): { projected: Matrix; basis: Basis | null } {
  switch (group.kind) {
    case 'regular':
      return { projected: gradient, basis };
    case 'masked':
      return { projected: keepRows(gradient, group.rows), basis };
    case 'two-sided':
      return { projected: outside(outside(gradient, group.U, true), group.V, false), basis };
    case 'lora':
      return { projected: outside(gradient, group.space, group.loraSpace === 'rank'), basis };
    case 'galore': {
      const { space, spaceSide, rank, projType } = group;
      const full = spaceSide === 'input' ? outside(gradient, space, false) : gradient;
      const current = basis && step % group.updateProjGap !== 0 ? basis : releasedBasis(full, rank, projType);
      const low = compress(full, current);
      const projected = spaceSide === 'input' ? low : outside(low, space, actsOnLeft(current, spaceSide));
      return { projected, basis: current };
    }
  }
}

/** The update subtracted from the weight. */
function projectedUpdate(update: Matrix, basis: Basis | null, group: ReferenceGroup): Matrix {
  if (group.kind === 'regular') return update;
  if (group.kind === 'masked') return keepRows(update, group.rows);
  if (group.kind === 'two-sided') return outside(outside(update, group.U, true), group.V, false);
  const space = group.project === 'update' ? group.space : null;
  if (group.kind === 'lora') return outside(update, space, group.loraSpace === 'rank');
  if (!basis) return update;
  const { spaceSide } = group;
  const low = spaceSide === 'input' ? update : outside(update, space, actsOnLeft(basis, spaceSide));
  const expanded = expand(low, basis);
  const full = spaceSide === 'input' ? outside(expanded, space, false) : expanded;
  return { ...full, data: full.data.map((value) => value * group.scale) };
}

const actsOnLeft = ({ right }: Basis, side: FullRankSpaceSide): boolean => side === 'left' || right !== null;

function outside(a: Matrix, space: Matrix | null, left: boolean): Matrix {
  if (!space) return a;
  return left ? projectOutLeft(a, space) : projectOutRight(a, space);
}

function combine(a: Matrix, b: Matrix, entry: (a: number, b: number) => number): Matrix {
  return { rows: a.rows, columns: a.columns, data: a.data.map((value, i) => entry(value, b.data[i])) };
}

/** The matrix with 0 in all rows but the given ones. */
export const keepRows = (a: Matrix, rows: readonly boolean[]): Matrix => ({
  ...a,
  data: a.data.map((value, i) => (rows[Math.floor(i / a.columns)] ? value : 0)),
});

/** A tensor that the reference updates in several steps. */
export interface UpdateCase {
  id: string;
  shape: [number, number];
  group: 'regular' | 'lora' | 'galore';
  lr: number;
  has_S: boolean;
  weight_decay?: number;
  rank?: number;
  update_proj_gap?: number;
  scale?: number;
  proj_type?: ProjType;
  sign_sensitivity?: Record<string, number>;
}

/** The reference numbers of updates, golden/optimizer/cases.json. */
export interface UpdateCases {
  defaults: { weight_decay: number };
  steps: number;
  snapshots_after_step: number[];
  refresh_at_step_index: number[];
  cases: UpdateCase[];
}
