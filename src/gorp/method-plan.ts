import type { Random } from '../base/random.ts';
import type { TokenPair } from '../models/network.ts';
import type { Matrix } from './matrix.ts';

/**
 * What a method asks of the learner, as data: `src/methods` makes one from a method's settings. Transforms of gradients
 * and updates are declared and not executed, so that the compiler can push them into the two skinny products and a full
 * gradient is never formed.
 *
 * The order within a step: terms of the loss, transforms of the gradient, clipping, Adam, transforms of the update.
 */
export interface MethodPlan {
  readonly schedule: Schedule;
  /** The adapters that are trained; null where there are none. */
  readonly adapters: AdapterPlan | null;
  /** How target modules are trained in full rank; null where they stay frozen. */
  readonly fullRank: FullRankPlan | null;
  /** Terms of the loss beside the cross-entropy. The loss that is reported leaves them out. */
  readonly loss: readonly LossTerm[];
  /** What gradients and updates are kept out of; null where they stay as they are. */
  readonly space: SpacePlan | null;
  /** Rows of adapters that a step leaves alone; null where all are trained. */
  readonly rowMask: RowMaskPlan | null;
  /** Passes over the finished task, before {@link endTask}; the caller runs them without dropout. */
  readonly passes: PassPlan;
  /** How batches are mixed; null where they hold examples of the task at hand alone. */
  readonly replay: ReplayPlan | null;
  /** What is known at the end of a task → what is kept for the tasks after it. Pure. */
  readonly endTask: ((finished: FinishedTask) => MethodState | Promise<MethodState>) | null;
}

/** How tasks come: one after another, all mixed in a single round, or each one alone, from the base model. */
export type Schedule = 'in-turn' | 'mixed' | 'apart';

/** LoRA on the layers that the model family gives to adapters. */
export interface AdapterPlan {
  /** `one` pair trained on every task in turn, or a new pair per task, with the earlier ones frozen. */
  readonly pairs: 'one' | 'per-task';
  readonly rank: number;
  /** The output of a pair is scaled by alpha / rank. */
  readonly alpha: number;
  /** Share of a pair's inputs that is set to 0 in training. */
  readonly dropout: number;
  readonly learningRate: number;
  /**
   * How the A of a task comes about: `random` and trained, or from the `inputs` of the task as far as they lie outside the
   * space of earlier ones, and left as it is, so that B alone is trained ({@link designedA}).
   */
  readonly design: 'random' | 'inputs';
}

/** Which singular vectors compress a gradient; `std` and `reverse_std` go by the shape of the weight. */
export type ProjType = 'std' | 'reverse_std' | 'left' | 'right' | 'full';

/** Full-rank training on the whole gradient, with plain Adam. */
export interface PlainPlan {
  readonly form: 'adam';
  readonly learningRate: number;
  /** The main singular directions of the weight itself that gradients and updates are kept out of; null for none. */
  readonly frozen: FrozenDirections | null;
}

/** Shares of the smaller side of a weight, in [0, 1]: of the first task of an order and of its last, the others between. */
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
  readonly side: ProjType;
  /**
   * `exact`: gradients are formed, and singular vectors come from an exact decomposition on the host. `fast`: gradients
   * are never formed, and singular vectors come from block power iteration on the device.
   */
  readonly projection: 'exact' | 'fast';
  /**
   * What stands for a projected gradient in the norm that clips when `projection` is `fast`: ‖G‖ itself, at a price
   * ({@link recordSquaredNorm}), or ‖R‖ of its compressed form for nothing. An exact projection has ‖G‖ at hand.
   */
  readonly clipNorm: 'exact' | 'projected';
}

export type FullRankPlan = PlainPlan | ProjectedPlan;

/** The rule for the number of new directions: the paper's, or that of the released code. */
export type SpaceRule = 'paper' | 'official';

/** A space of directions that earlier tasks used: what is trained is kept out of it. */
export interface SpacePlan {
  /** What the space is built from: Adam's first moment, or the layers' inputs. */
  readonly source: 'moment' | 'activation';
  /** Side of A on which the space acts. */
  readonly adapterSide: 'rank' | 'input';
  /** Side of a projected full-rank gradient on which it acts: the one kept whole, or always the left. */
  readonly weightSide: 'kept' | 'left';
  readonly rule: SpaceRule;
  /** What is kept out: the gradient, or the update too. */
  readonly keepsOut: 'gradient' | 'update';
  /** Energy that the space must hold of each tensor, in (0, 1]. */
  readonly threshold: number;
  /** Whether the threshold rises by equal steps from task to task, towards 1 after the last of the order ({@link thresholdOf}). */
  readonly rises: boolean;
  /**
   * What the energies of a space of inputs are: the `inputs`' own, eigenvalues of C = X Xᵀ, or those of the `covariances`,
   * their squares, of which few directions hold nearly all.
   */
  readonly energyOf: 'inputs' | 'covariances';
  /**
   * Of a space of inputs: 0 cuts directions off at the threshold. More keeps each out by a weight that its energy gives,
   * and by half where that is so many times the average of all directions ({@link growSoftSpace}); there is no threshold.
   */
  readonly softness: number;
  /**
   * Learning rates from task to task: the same, or raised by what a space of inputs takes away of a step's effect
   * ({@link compensation}).
   */
  readonly rates: 'constant' | 'compensated';
}

/** Whether directions are kept out of updates by weights, and not cut off at a threshold. */
export const isSoft = ({ source, softness }: SpacePlan): boolean => source === 'activation' && softness > 0;

/** The threshold at the end of a task, from 1. @param tasks of the order. */
export const thresholdOf = ({ threshold, rises }: SpacePlan, task: number, tasks: number): number =>
  rises ? threshold + ((1 - threshold) * (task - 1)) / tasks : threshold;

/** Whether full-rank weights keep their own main directions out of updates: see {@link FrozenDirections}. */
export const keepsDirections = ({ fullRank }: Pick<MethodPlan, 'fullRank'>): boolean =>
  fullRank?.form === 'adam' && fullRank.frozen !== null;

/** How many directions of a weight [out, in] are kept out in a task, from 1. @param tasks of the order. */
export function frozenCount({ first, last }: FrozenDirections, smaller: number, task: number, tasks: number): number {
  const way = tasks > 1 ? (task - 1) / (tasks - 1) : 0;
  return Math.round((first + (last - first) * way) * smaller);
}

/** Steps between two measurements of what a space takes away, where no basis is refreshed. */
export const MEASURING_GAP = 10;

/**
 * From the second task on, rows of A and B whose outputs are small in a step are kept out of its gradient and its update: those
 * whose Σ |output| over the tokens of the step lies below the quantile `share` of the matrix.
 */
export interface RowMaskPlan {
  /** In [0, 1). */
  readonly share: number;
}

/** How many of some rows lie below a quantile, which lies between two of them as `torch.quantile` has it. */
export const rowsBelow = ({ share }: RowMaskPlan, rows: number): number =>
  Math.max(0, Math.ceil(share * (rows - 1) - 1e-9));

/** Weights of a term in the tasks of an order, from the first on; the last is that of later tasks, too. */
export type TaskWeights = readonly number[];

/** The weight of a term in a task, from 1. */
export const weightIn = (term: LossTerm, task: number): number =>
  'byTask' in term && term.byTask ? term.byTask[Math.min(task, term.byTask.length) - 1] : term.weight;

/** A term of the loss on adapters. */
export type LossTerm =
  /** weight · Σ|A_prev Aᵀ| over the frozen pairs of a layer. */
  | { readonly kind: 'orthogonal'; readonly weight: number; readonly byTask?: TaskWeights }
  /** weight · (‖A‖ + ‖B‖) of the new pair. */
  | { readonly kind: 'norm'; readonly weight: number; readonly byTask?: TaskWeights }
  /**
   * weight · τ² · the mean over label tokens of KL(teacher ‖ model) at temperature τ, on the examples of the task at hand.
   * The teacher is the model without the new pair; no term while there is no earlier one.
   */
  | { readonly kind: 'distillation'; readonly weight: number; readonly temperature: number }
  /** weight · Σ|B A|. */
  | { readonly kind: 'sparse'; readonly weight: number }
  /** weight · Σ|A B|, which there is only of layers with as many inputs as outputs. */
  | { readonly kind: 'crossed'; readonly weight: number }
  /**
   * weight / 2 · Σ importance ∘ (θ − anchor)² over all entries of A and B.
   * `importance` and `anchor` name tensors of the method's state ({@link stateName}); no term while they are absent.
   */
  | { readonly kind: 'quadratic'; readonly weight: number; readonly importance: string; readonly anchor: string };

/** Passes over the examples of a finished task. */
export interface PassPlan {
  /** Examples for the mean of (∂ log p(label | prompt) / ∂θ)² over examples, taken one by one; 0 for no such pass. */
  readonly squares: number;
}

/** Examples of earlier tasks among those of the task at hand. */
export interface ReplayPlan {
  /** Share of every batch that comes from the memory, in [0, 1). The examples that it replaces are left out. */
  readonly share: number;
}

/** An example that a method remembers, as the model reads it. */
export interface RememberedExample extends TokenPair {
  /** The task that it is from, counted from 1. */
  readonly task: number;
}

/** What a method keeps between tasks beside what it trains. It is saved with a round and restored from it. */
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

/** Bytes of a state as it is saved: f32 numbers, and token ids of four bytes. */
export const stateBytes = ({ tensors, examples }: MethodState): number =>
  4 *
  ([...tensors.values()].reduce((sum, { rows, columns }) => sum + rows * columns, 0) +
    examples.reduce((sum, { source, label }) => sum + source.length + label.length, 0));

/** A task that has been learned, for {@link MethodPlan.endTask}. */
export interface FinishedTask {
  /** Counted from 1. */
  readonly task: number;
  /** Its training examples, in the order of the data. */
  readonly examples: readonly TokenPair[];
  /** What the method kept so far. */
  readonly state: MethodState;
  /** What the pass `squares` found, by {@link adapterName}; empty where the plan asks for none. */
  readonly squares: ReadonlyMap<string, Matrix>;
  /** Values of the adapters, by {@link adapterName}. */
  readonly adapters: () => Promise<ReadonlyMap<string, Matrix>>;
  /** Random numbers of a stream of this run, task and name, which no other method draws from. */
  readonly random: (stream: string) => Random;
}
