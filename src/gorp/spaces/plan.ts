import type { PartNeeds } from '../part-needs.ts';

/**
 * The space of directions that earlier tasks used, removed from training: built from Adam's first moments or from the
 * layers' inputs, and in the second case cut off at a threshold or weighted. Fields are named as the settings are.
 */
export type SpacePlan = MomentSpacePlan | InputSpacePlan;
export type InputSpacePlan = HardInputSpacePlan | SoftInputSpacePlan;

interface ExcludedSpace {
  readonly needs: PartNeeds;
  /** What the space is removed from: the gradient, or the update too. */
  readonly project: 'gradient' | 'update';
}

/** The main directions of Adam's first moments at the end of a task. */
export interface MomentSpacePlan extends ExcludedSpace {
  readonly part: 'moment-space';
  /** Side of A on which the space acts. */
  readonly loraSpace: 'rank' | 'input';
  /** Energy that the space must hold of each tensor, in (0, 1]. */
  readonly threshold: number;
}

/** A space of the inputs of each layer, on the input side of A and of full-rank weights. */
interface InputSpace extends ExcludedSpace {
  readonly part: 'input-space';
  /**
   * Learning rates from task to task: constant, or raised to compensate for what the space removes from a step's effect
   * ({@link compensation}).
   */
  readonly taskRates: 'constant' | 'compensated';
  /**
   * Whose inputs the space holds: those of earlier tasks; before the first task those of general prompts too; and those
   * of watched tasks.
   */
  readonly protects: 'earlier' | 'general' | 'watched';
}

/** The main directions of the inputs. */
export interface HardInputSpacePlan extends InputSpace {
  readonly form: 'hard';
  /** Energy that the space must hold of each layer's inputs, in (0, 1]. */
  readonly threshold: number;
  /** Whether the threshold rises in equal steps, to 1 after the last task of the order ({@link thresholdOf}). */
  readonly rises: boolean;
  /**
   * The energies that the threshold counts: of the `inputs`, the eigenvalues of C = X Xᵀ; or of the `covariances`, their
   * squares, which concentrate in few directions.
   */
  readonly energyOf: 'inputs' | 'covariances';
}

/** All directions of the inputs, each by its weight (docs/method.md, eq. (18)). */
export interface SoftInputSpacePlan extends InputSpace {
  readonly form: 'soft';
  /** Above 0: the energy, relative to the average of all directions, at which the weight is one half. */
  readonly softness: number;
  /** Whether the energies of earlier tasks are added up or averaged. */
  readonly energies: 'sum' | 'mean';
}

export const momentSpace = (plan: Omit<MomentSpacePlan, 'part' | 'needs'>): MomentSpacePlan => ({
  part: 'moment-space',
  needs: {},
  ...plan,
});

type WithoutPart<Plan> = Plan extends unknown ? Omit<Plan, 'part' | 'needs'> : never;

export const inputSpace = (plan: WithoutPart<InputSpacePlan>): InputSpacePlan => ({
  part: 'input-space',
  needs: {
    inputsAtEnd: true,
    ...(plan.taskRates === 'compensated' && { inputsAtBegin: 'some' }),
    ...(plan.form === 'hard' && plan.rises && { taskCount: true }),
    ...(plan.protects !== 'earlier' && { protects: plan.protects }),
  },
  ...plan,
});

/** Whether directions are removed by weights, not cut off at a threshold. */
export const isSoft = (plan: SpacePlan): plan is SoftInputSpacePlan =>
  plan.part === 'input-space' && plan.form === 'soft';

/**
 * The largest error of a space that f32 rounding explains: ‖SᵀS − I‖max of orthonormal columns, or how far the matrix P
 * of a space of inputs is from exact. P comes from sums of products whose condition is up to 2·10⁴, and loses some 10⁻⁷
 * times as much (docs/method.md, section 4.3).
 */
export const roundingOf = ({ part }: SpacePlan): number => (part === 'input-space' ? 5e-3 : 1e-4);

/** The threshold of a hard space at the end of a task, counted from 1. @param tasks number of tasks in the order. */
export const thresholdOf = (
  { threshold, rises }: Pick<HardInputSpacePlan, 'threshold' | 'rises'>,
  task: number,
  tasks: number,
): number => (rises ? threshold + ((1 - threshold) * (task - 1)) / tasks : threshold);
