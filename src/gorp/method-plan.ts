import type { TokenPair } from '../base/batch.ts';
import type { Random } from '../base/random.ts';
import type { Matrix } from '../linear-algebra/matrix.ts';

/**
 * What a method needs from the learner, as data: `src/methods` makes one from a method's settings. It declares
 * transforms of gradients and updates without running them, so that the compiler can push them into the two skinny
 * products and never form a full gradient.
 *
 * The order within a step: terms of the loss, transforms of the gradient, clipping, Adam, transforms of the update.
 */
export interface MethodPlan {
  readonly schedule: Schedule;
  /** The trained adapters; null for none. */
  readonly adapters: AdapterPlan | null;
  /** How target modules are trained full-rank; null if they stay frozen. */
  readonly fullRank: FullRankPlan | null;
  /** Terms of the loss besides the cross-entropy. The reported loss excludes them. */
  readonly loss: readonly LossTerm[];
  /** The space removed from gradients and updates; null for none. */
  readonly space: SpacePlan | null;
  /** Rows of adapters that a step does not train; null if it trains all. */
  readonly rowMask: RowMaskPlan | null;
  /** Passes over the finished task, before {@link endTask}; the caller runs them without dropout. */
  readonly passes: PassPlan;
  /** How batches are mixed; null if they hold only examples of the current task. */
  readonly replay: ReplayPlan | null;
  /** Turns what is known at the end of a task into the state for the tasks after it. Pure. */
  readonly endTask: ((finished: FinishedTask) => MethodState | Promise<MethodState>) | null;
}

/** How tasks are learned: one after another, all mixed in a single round, or each alone, from the base model. */
export type Schedule = 'in-turn' | 'mixed' | 'apart';

/** LoRA on the layers that get adapters in the model family. */
export interface AdapterPlan {
  /** `one` pair trained on every task in turn, or a new pair per task, with the earlier ones frozen. */
  readonly pairs: 'one' | 'per-task';
  readonly rank: number;
  /** The output of a pair is scaled by alpha / rank. */
  readonly alpha: number;
  /** Share of a pair's inputs set to 0 in training. */
  readonly dropout: number;
  readonly learningRate: number;
  /**
   * How a task's A is made: `random` and trained; or from the part of the task's `inputs` outside the space of earlier
   * tasks and frozen, so that only B is trained ({@link designedA}).
   */
  readonly design: 'random' | 'inputs';
  /** Gates that scale every task's pair for each prompt; null if all pairs count fully. Only with a pair per task. */
  readonly gates: GatePlan | null;
}

/**
 * A gate per task, a small network on the mean embedding of the prompt (docs/method.md, eq. (31)). What changes in it
 * lies outside the space of what earlier tasks gave it to read, so that a new gate stays 0 on their prompts.
 */
export interface GatePlan {
  /** Width of its hidden layer. */
  readonly width: number;
  /** Energy that the spaces must hold after the first task; it rises to 1 after the last ({@link thresholdOf}). */
  readonly threshold: number;
  readonly energyOf: HardInputSpacePlan['energyOf'];
}

/** Prompts from which a gate's key and spaces are made, at most. Reading one takes a mean of embeddings. */
export const GATE_PROMPTS = 256;

/** Full-rank training on the whole gradient, with plain Adam. */
export interface PlainPlan {
  readonly form: 'adam';
  readonly learningRate: number;
  /** The main singular directions of the weight itself, removed from gradients and updates; null for none. */
  readonly frozen: FrozenDirections | null;
}

/** Shares of a weight's smaller side, in [0, 1], for the first and last task of an order; the others interpolate. */
export interface FrozenDirections {
  readonly first: number;
  readonly last: number;
}

/** Full-rank training on a gradient that is compressed to low rank. */
export interface ProjectedPlan {
  readonly form: 'projected';
  readonly learningRate: number;
  readonly rank: number;
  readonly scale: number;
  /** Steps between two refreshes of the basis. */
  readonly gap: number;
  /**
   * How a gradient counts in the clipping norm: by ‖G‖ itself, at a cost ({@link recordSquaredNorm}), or by ‖R‖ of its
   * compressed form at none.
   */
  readonly clipNorm: 'exact' | 'projected';
}

export type FullRankPlan = PlainPlan | ProjectedPlan;

/**
 * The space of directions that earlier tasks used, removed from training: built from Adam's first moments or from the
 * layers' inputs, and in the second case cut off at a threshold or weighted. Fields are named as the settings are.
 */
export type SpacePlan = MomentSpacePlan | InputSpacePlan;
export type InputSpacePlan = HardInputSpacePlan | SoftInputSpacePlan;

interface ExcludedSpace {
  /** What the space is removed from: the gradient, or the update too. */
  readonly project: 'gradient' | 'update';
}

/** The main directions of Adam's first moments at the end of a task. */
export interface MomentSpacePlan extends ExcludedSpace {
  readonly spaceSource: 'moment';
  /** Side of A on which the space acts. */
  readonly loraSpace: 'rank' | 'input';
  /** Energy that the space must hold of each tensor, in (0, 1]. */
  readonly threshold: number;
}

/** A space of the inputs of each layer, on the input side of A and of full-rank weights. */
interface InputSpace extends ExcludedSpace {
  readonly spaceSource: 'activation';
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

/** The plan of a space of moments; null for any other. */
export const momentsOf = (plan: SpacePlan | null): MomentSpacePlan | null =>
  plan?.spaceSource === 'moment' ? plan : null;

/** Whether directions are removed by weights, not cut off at a threshold. */
export const isSoft = (plan: SpacePlan): plan is SoftInputSpacePlan =>
  plan.spaceSource === 'activation' && plan.form === 'soft';

/**
 * The largest error of a space that f32 rounding explains: ‖SᵀS − I‖max of orthonormal columns, or how far the matrix P
 * of a space of inputs is from exact. P comes from sums of products whose condition is up to 2·10⁴, and loses some 10⁻⁷
 * times as much (docs/method.md, section 4.3).
 */
export const roundingOf = ({ spaceSource }: SpacePlan): number => (spaceSource === 'activation' ? 5e-3 : 1e-4);

/** Whether the method must know the number of tasks because its threshold rises. */
export const hasRisingThreshold = (plan: SpacePlan | null): boolean =>
  plan?.spaceSource === 'activation' && plan.form === 'hard' && plan.rises;

/** Whether the method protects what the model could do before, from the first task on. */
export const protectsBase = ({ space }: Pick<MethodPlan, 'space'>): boolean =>
  space?.spaceSource === 'activation' && space.protects !== 'earlier';

/** Whether that includes what watched tasks use. */
export const protectsWatched = ({ space }: Pick<MethodPlan, 'space'>): boolean =>
  space?.spaceSource === 'activation' && space.protects === 'watched';

/** Whether adapters have gates, so that what a model computes depends on the prompt beyond its weights. */
export const hasGates = ({ adapters }: Pick<MethodPlan, 'adapters'>): boolean => adapters?.gates != null;

/** The threshold of a hard space at the end of a task, counted from 1. @param tasks number of tasks in the order. */
export const thresholdOf = (
  { threshold, rises }: Pick<HardInputSpacePlan, 'threshold' | 'rises'>,
  task: number,
  tasks: number,
): number => (rises ? threshold + ((1 - threshold) * (task - 1)) / tasks : threshold);

/** Whether updates of full-rank weights exclude the weights' own main directions: see {@link FrozenDirections}. */
export const keepsDirections = ({ fullRank }: Pick<MethodPlan, 'fullRank'>): boolean =>
  fullRank?.form === 'adam' && fullRank.frozen !== null;

/** How many directions of a weight a task freezes. @param task counted from 1. @param tasks number of tasks in the order. */
export function frozenCount({ first, last }: FrozenDirections, smaller: number, task: number, tasks: number): number {
  const way = tasks > 1 ? (task - 1) / (tasks - 1) : 0;
  return Math.round((first + (last - first) * way) * smaller);
}

/** Steps between two measurements of what a space removes, if no basis is refreshed. */
export const MEASURING_GAP = 10;

/**
 * From the second task on, a step does not train rows of A and B with small outputs: those whose Σ |output| over the
 * step's tokens is below the quantile `share` of the matrix.
 */
export interface RowMaskPlan {
  /** In [0, 1). */
  readonly share: number;
}

/** How many of the rows lie below a quantile, interpolated like `torch.quantile`. */
export const rowsBelow = ({ share }: RowMaskPlan, rows: number): number =>
  Math.max(0, Math.ceil(share * (rows - 1) - 1e-9));

/** Weights of a term by task, from the first; the last also applies to later tasks. */
export type TaskWeights = readonly number[];

/** The weight of a term in a task, counted from 1. */
export const weightIn = (term: LossTerm, task: number): number =>
  'byTask' in term && term.byTask ? term.byTask[Math.min(task, term.byTask.length) - 1] : term.weight;

/** A term of the loss on adapters. */
export type LossTerm =
  /** weight · Σ|A_prev Aᵀ| over the frozen pairs of a layer. */
  | { readonly kind: 'orthogonal'; readonly weight: number; readonly byTask?: TaskWeights }
  /** weight · (‖A‖ + ‖B‖) of the new pair. */
  | { readonly kind: 'norm'; readonly weight: number; readonly byTask?: TaskWeights }
  /**
   * weight · τ² · the mean over label tokens of KL(teacher ‖ model) at temperature τ, on the examples of the current
   * task. The teacher is the model without the new pair; no term without an earlier pair.
   */
  | { readonly kind: 'distillation'; readonly weight: number; readonly temperature: number }
  /** weight · Σ|B A|. */
  | { readonly kind: 'sparse'; readonly weight: number }
  /** weight · Σ|A B|, only for layers with as many inputs as outputs. */
  | { readonly kind: 'crossed'; readonly weight: number }
  /**
   * weight / 2 · Σ importance ∘ (θ − anchor)² over all entries of A and B.
   * `importance` and `anchor` name tensors of the method's state ({@link stateName}); no term while they are absent.
   */
  | { readonly kind: 'quadratic'; readonly weight: number; readonly importance: string; readonly anchor: string };

/** Passes over the examples of a finished task. */
export interface PassPlan {
  /** Number of examples, taken one by one, for the mean of (∂ log p(label | prompt) / ∂θ)²; 0 for no such pass. */
  readonly squares: number;
}

/** Examples of earlier tasks among those of the current task. */
export interface ReplayPlan {
  /** Share of every batch that comes from the memory, in [0, 1). The examples that it replaces are dropped. */
  readonly share: number;
}

/** An example that a method remembers, as the model reads it. */
export interface RememberedExample extends TokenPair {
  /** Its task, counted from 1. */
  readonly task: number;
}

/** What a method stores between tasks besides what it trains. It is saved with a round and restored from it. */
export interface MethodState {
  /** By {@link stateName}. */
  readonly tensors: ReadonlyMap<string, Matrix>;
  readonly examples: readonly RememberedExample[];
}

export const NO_STATE: MethodState = { tensors: new Map(), examples: [] };

/** Name of a tensor of a method's state that belongs to a trained tensor: `fisher/decoder….q.lora_A`. */
export const stateName = (what: string, trained: string): string => `${what}/${trained}`;

/** Name of one matrix of a layer's adapter. */
export const adapterName = (layer: string, part: 'lora_A' | 'lora_B'): string => `${layer}.${part}`;

/** Bytes of a saved state: f32 numbers, and token ids of four bytes. */
export const stateBytes = ({ tensors, examples }: MethodState): number =>
  4 *
  ([...tensors.values()].reduce((sum, { rows, columns }) => sum + rows * columns, 0) +
    examples.reduce((sum, { source, label }) => sum + source.length + label.length, 0));

/** A learned task, for {@link MethodPlan.endTask}. */
export interface FinishedTask {
  /** Counted from 1. */
  readonly task: number;
  /** Its training examples, in the order of the data. */
  readonly examples: readonly TokenPair[];
  /** The method's state so far. */
  readonly state: MethodState;
  /** The result of the pass `squares`, by {@link adapterName}; empty without one. */
  readonly squares: ReadonlyMap<string, Matrix>;
  /** Values of the adapters, by {@link adapterName}. */
  readonly adapters: () => Promise<ReadonlyMap<string, Matrix>>;
  /** Random numbers of this run, task and stream name, independent of other streams. */
  readonly random: (stream: string) => Random;
}
