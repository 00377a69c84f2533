import type { TokenPair } from '../../base/batch.ts';

/**
 * The needs of a part, for those who run, plan or export a method and do not know its parts. What it does not ask for
 * is absent.
 */
export interface PartNeeds {
  /** Whose inputs of layers it reads at the beginning of a task: some examples, or as many as at the end. */
  readonly inputsAtBegin?: 'some' | 'all';
  /** Whether it reads the inputs of layers at the end of a task. */
  readonly inputsAtEnd?: true;
  /** Prompts that it reads at the beginning and at the end of a task, at most. */
  readonly prompts?: number;
  /** Examples that it reads one by one at the end of a task, at most. */
  readonly singles?: number;
  /** Share of every batch that comes from remembered examples, in [0, 1). */
  readonly replayShare?: number;
  /** Whose prompts it has the model itself answer, to remember them: {@link ReplayPlan.source}. */
  readonly ownAnswers?: 'general' | 'self';
  /** Whether it reads the adapter pairs of earlier tasks one by one, so that they cannot be added to the weights. */
  readonly earlierPairs?: true;
  /** Whether it must know the number of tasks. */
  readonly taskCount?: true;
  /** The earlier abilities of the model that it protects: by general prompts, or by watched tasks too. */
  readonly protects?: 'general' | 'watched';
  /** Why what the model computes depends on the prompt beyond its weights: formats of weights alone cannot hold it. */
  readonly byPrompt?: {
    /** A clause: `gates decide for each prompt how much …`. */
    readonly what: string;
    /** The sentence that a refused export ends with: how to keep it. */
    readonly instead: string;
    /** Numbers that a format must know to compute it. */
    readonly numbers: Readonly<Record<string, number>>;
  };
  /** The state that it hands from one task to the next, in words: a method can build on what another left if it hands on the same. */
  readonly handsOn?: string;
}

/** LoRA on the layers that get adapters in the model family (docs/method.md, section 2). */
export interface AdapterPlan {
  readonly part: 'adapters';
  readonly needs: PartNeeds;
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
}

export const adapters = (plan: Omit<AdapterPlan, 'part' | 'needs'>): AdapterPlan => ({
  part: 'adapters',
  needs: {
    handsOn: `${plan.pairs === 'one' ? 'one pair of adapters' : 'a pair of adapters for each task'} of rank ${plan.rank}`,
    ...(plan.design === 'inputs' && { inputsAtBegin: 'all' }),
  },
  ...plan,
});

/** Name of one matrix of a layer's adapter. */
export const adapterName = (layer: string, part: 'lora_A' | 'lora_B'): string => `${layer}.${part}`;

interface FullRank {
  readonly part: 'full-rank';
  readonly needs: PartNeeds;
  readonly learningRate: number;
}

/** Full-rank training of target modules on the whole gradient, with plain Adam. */
export interface PlainPlan extends FullRank {
  readonly form: 'adam';
  /** The main singular directions of the weight itself, removed from gradients and updates; null for none. */
  readonly frozen: FrozenDirections | null;
}

/** Shares of a weight's smaller side, in [0, 1], for the first and last task of an order; the others interpolate. */
export interface FrozenDirections {
  readonly first: number;
  readonly last: number;
}

/** Full-rank training of target modules on a gradient that is compressed to low rank. */
export interface ProjectedPlan extends FullRank {
  readonly form: 'projected';
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

/** @param frozen main directions of each weight that its updates leave alone; null for none. */
export const plainWeights = (learningRate: number, frozen: FrozenDirections | null = null): PlainPlan => ({
  part: 'full-rank',
  needs: frozen
    ? { handsOn: 'weights with frozen directions', taskCount: true }
    : { handsOn: 'weights trained full-rank' },
  form: 'adam',
  learningRate,
  frozen,
});

export const projectedWeights = (plan: Omit<ProjectedPlan, 'part' | 'needs' | 'form'>): ProjectedPlan => ({
  part: 'full-rank',
  needs: { handsOn: 'weights trained full-rank' },
  form: 'projected',
  ...plan,
});

/** How many directions of a weight a task freezes. @param task counted from 1. @param tasks number of tasks in the order. */
export function frozenCount({ first, last }: FrozenDirections, smaller: number, task: number, tasks: number): number {
  const way = tasks > 1 ? (task - 1) / (tasks - 1) : 0;
  return Math.round((first + (last - first) * way) * smaller);
}

// If almost nothing lies outside the space, full compensation would only amplify noise.
const MOST = 4;

/**
 * The factor of a learning rate that compensates for a space of inputs (docs/method.md, eq. (19)): 1 / √(mean share of
 * the inputs' energy outside the space), at most {@link MOST}. Adam's steps have the same size whatever the gradient,
 * and a change restricted to inputs outside the space changes the output in proportion to the root of their share. For
 * a soft space this is an approximation, since weights w let (1 − w)² of the energy through, not 1 − w.
 *
 * @param outside the share of each trained tensor's inputs outside their space, in the new task.
 */
export function compensation(outside: readonly number[]): number {
  const sum = outside.reduce((total, share) => total + share, 0);
  return outside.length === 0 ? 1 : Math.min(MOST, 1 / Math.sqrt(sum / outside.length));
}

/**
 * The space of directions that earlier tasks used, removed from training: built from Adam's first moments or from the
 * layers' inputs, and in the second case cut off at a threshold or weighted. Fields are named as the settings are.
 */
export type SpacePlan = MomentSpacePlan | InputSpacePlan;
export type InputSpacePlan = HardInputSpacePlan | SoftInputSpacePlan;

interface ExcludedSpace {
  readonly needs: PartNeeds;
  /** The tensor from which the space is removed: the gradient, or the update too. */
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
  needs: { handsOn: `spaces of moments (${plan.loraSpace})` },
  ...plan,
});

type WithoutPart<Plan> = Plan extends unknown ? Omit<Plan, 'part' | 'needs'> : never;

export const inputSpace = (plan: WithoutPart<InputSpacePlan>): InputSpacePlan => ({
  part: 'input-space',
  needs: {
    handsOn: `${plan.form === 'soft' ? 'soft' : `hard (${plan.energyOf})`} spaces of inputs`,
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

/**
 * From the second task on, a step does not train rows of A and B with small outputs: those whose Σ |output| over the
 * step's tokens is below the quantile `share` of the matrix.
 */
export interface RowMaskPlan {
  readonly part: 'row-mask';
  readonly needs: PartNeeds;
  /** In [0, 1). */
  readonly share: number;
}

export const rowMask = (share: number): RowMaskPlan => ({ part: 'row-mask', needs: {}, share });

/** How many of the rows lie below a quantile, interpolated like `torch.quantile`. */
export const rowsBelow = ({ share }: Pick<RowMaskPlan, 'share'>, rows: number): number =>
  Math.max(0, Math.ceil(share * (rows - 1) - 1e-9));

/** Weights of a term by task, from the first; the last also applies to later tasks. */
type TaskWeights = readonly number[];

/** A term of the loss on adapters, which the reported loss excludes. */
export interface Penalty {
  /**
   * - `orthogonal`: weight · Σ|A_prev Aᵀ| over the frozen pairs of a layer.
   * - `norm`: weight · (‖A‖ + ‖B‖) of the new pair.
   * - `sparse`: weight · Σ|B A|.
   * - `crossed`: weight · Σ|A B|, only for layers with as many inputs as outputs.
   */
  readonly kind: 'orthogonal' | 'norm' | 'sparse' | 'crossed';
  readonly weight: number;
  readonly byTask?: TaskWeights;
}

/** Terms of the loss on the entries of adapters. */
export interface PenaltyPlan {
  readonly part: 'penalties';
  readonly needs: PartNeeds;
  readonly terms: readonly Penalty[];
}

export const penalties = (...terms: readonly Penalty[]): PenaltyPlan => ({
  part: 'penalties',
  needs: terms.some(({ kind }) => kind === 'orthogonal') ? { earlierPairs: true } : {},
  terms,
});

/** The weight of a term in a task, counted from 1. */
export const weightIn = ({ weight, byTask }: Penalty, task: number): number =>
  byTask ? byTask[Math.min(task, byTask.length) - 1] : weight;

/**
 * The term weight / 2 · Σ importance ∘ (θ − anchor)² of the loss, over all entries of A and B, from the second task on
 * (docs/method.md, eq. (30)). The anchor is the pair at the end of the task before. The importance of a number is the
 * mean over single examples of (∂ log p(label | prompt) / ∂θ)² at the end of each task, of mean 1 in each.
 */
export interface ImportancePlan {
  readonly part: 'importance';
  readonly needs: PartNeeds;
  readonly weight: number;
  /** Factor on the importances of earlier tasks when a task is added, in [0, 1]. */
  readonly decay: number;
}

/** @param examples of each task from which importances are computed; all if it has fewer. */
export const importance = ({
  examples,
  ...plan
}: Omit<ImportancePlan, 'part' | 'needs'> & { readonly examples: number }): ImportancePlan => ({
  part: 'importance',
  needs: { handsOn: 'the importance of weights', singles: examples },
  ...plan,
});

/**
 * A term of the loss on the examples of the current task: weight · τ² · the mean over label tokens of
 * KL(teacher ‖ model) at temperature τ (docs/method.md, eq. (29)). The reported loss excludes it. The teacher is the
 * same model without some adapters, so it needs no copy; nothing else may be trained.
 */
export interface DistillationPlan {
  readonly part: 'distillation';
  readonly needs: PartNeeds;
  readonly weight: number;
  readonly temperature: number;
  /** The model before the task, without the new pair; or the base model, without any. */
  readonly teacher: 'before' | 'base';
  /** Whether both leave out the right token, and share its probability among the others. */
  readonly omitsRight: boolean;
}

export const distillation = (plan: Omit<DistillationPlan, 'part' | 'needs'>): DistillationPlan => ({
  part: 'distillation',
  needs: {},
  ...plan,
});

/**
 * A gate per task, a small network on the mean embedding of the prompt, scales the task's pair (docs/method.md, eq.
 * (31)). What changes in it lies outside the space of what earlier tasks gave it to read, so that a new gate stays 0 on
 * their prompts. Only with a pair per task.
 */
export interface GatePlan {
  readonly part: 'gates';
  readonly needs: PartNeeds;
  /** Width of its hidden layer. */
  readonly width: number;
  /** Energy that the spaces must hold after the first task; it rises to 1 after the last. */
  readonly threshold: number;
  readonly energyOf: HardInputSpacePlan['energyOf'];
}

/** Prompts from which a gate's key and spaces are made, at most. Reading one takes a mean of embeddings. */
export const GATE_PROMPTS = 256;
/** The score of a gate is this many times the cosine of its key: docs/method.md, eq. (31). */
export const GATE_SHARPNESS = 4;
/** Far below the mean square of anything that a gate reads, so that a norm is a division by length. */
export const GATE_EPSILON = 1e-16;

export const gates = (plan: Omit<GatePlan, 'part' | 'needs'>): GatePlan => ({
  part: 'gates',
  needs: {
    handsOn: `gates of width ${plan.width}`,
    prompts: GATE_PROMPTS,
    earlierPairs: true,
    taskCount: true,
    byPrompt: {
      what: 'gates decide for each prompt how much the adapter of each task counts',
      instead:
        'Export as ONNX, which holds the gates; or train with inf-lora or o-lora, the same adapters without gates.',
      numbers: { width: plan.width, sharpness: GATE_SHARPNESS, epsilon: GATE_EPSILON },
    },
  },
  ...plan,
});

/**
 * The adapter of all tasks is the merger of what each task left (docs/method.md, eq. (36)). A task starts from the pair
 * that the last one trained, with orthonormal rows of A, and tests and exports use the merged pair.
 */
interface MergingPlan {
  readonly part: 'merging';
  readonly needs: PartNeeds;
}

export const merging = (): MergingPlan => ({ part: 'merging', needs: { handsOn: 'merged adapters' } });

/** The weight of task t, counted from 1, in the merged B. */
export const mergingWeight = (task: number): number => 1 / Math.sqrt(task);

/** Remembered examples among those of the current task. */
export interface ReplayPlan {
  readonly part: 'replay';
  readonly needs: PartNeeds;
  /**
   * - `examples`: training examples of earlier tasks.
   * - `general`: general prompts with what the base model answers to them, from the first task on.
   * - `self`: prompts of earlier tasks with what the model answers to them when it has learned the task.
   */
  readonly source: 'examples' | 'general' | 'self';
  /** Share of each task's training examples, or of their prompts, to store; at least two of each label. */
  readonly memory: number;
}

/** The examples that replay hands on, by its source. */
const REMEMBERED = {
  examples: 'remembered examples',
  general: 'remembered answers to general prompts',
  self: 'remembered answers of its own',
} as const;

/** @param share of every batch that comes from the memory, in [0, 1). The examples that it replaces are dropped. */
export const replay = ({
  share,
  memory,
  source = 'examples',
}: {
  readonly share: number;
  readonly memory: number;
  readonly source?: ReplayPlan['source'];
}): ReplayPlan => ({
  part: 'replay',
  needs: { handsOn: REMEMBERED[source], replayShare: share, ...(source !== 'examples' && { ownAnswers: source }) },
  source,
  memory,
});

/** An example that a method remembers, as the model reads it. */
export interface RememberedExample extends TokenPair {
  /** Its task, counted from 1; 0 for a general prompt. */
  readonly task: number;
}

/** A part from outside, as a plugin defines it: it brings its own life. */
export interface OwnPartPlan {
  readonly part: 'own';
  readonly needs: PartNeeds;
  /** Makes the part, from what the learner gives it (`ownPart` in learner/open-parts.ts). */
  readonly open: (of: never) => object;
}

/** The parts that methods are composed of, as data. Each has a folder here, which holds its whole life. */
export type PartPlan =
  | AdapterPlan
  | DistillationPlan
  | FullRankPlan
  | GatePlan
  | ImportancePlan
  | InputSpacePlan
  | MergingPlan
  | MomentSpacePlan
  | OwnPartPlan
  | PenaltyPlan
  | ReplayPlan
  | RowMaskPlan;

/** How tasks are learned: one after another, all mixed in a single round, or each alone, from the base model. */
export type Schedule = 'in-turn' | 'mixed' | 'apart';

/**
 * A method as data: the parts that it is composed of, in the order in which they act. `src/methods` makes one from a
 * method's settings. Parts declare transforms of gradients and updates without running them, so that the compiler can
 * push them into the two skinny products and never form a full gradient.
 *
 * The order within a step: terms of the loss, transforms of the gradient, clipping, Adam, transforms of the update.
 */
export interface MethodPlan {
  readonly schedule: Schedule;
  readonly parts: readonly PartPlan[];
}

/** The part of a kind that a method has; undefined if it has none. */
export const partOf = <Kind extends PartPlan['part']>(
  { parts }: Pick<MethodPlan, 'parts'>,
  kind: Kind,
): Extract<PartPlan, { readonly part: Kind }> | undefined =>
  parts.find((one): one is Extract<PartPlan, { readonly part: Kind }> => one.part === kind);

/** Returns the needs of all parts of a method together. */
export const needsOf = ({ parts }: Pick<MethodPlan, 'parts'>): PartNeeds =>
  Object.assign({}, ...parts.map(({ needs }) => needs)) as PartNeeds;

/** The space of directions that earlier tasks used; undefined if the method has none. */
export const spaceOf = (plan: Pick<MethodPlan, 'parts'>): InputSpacePlan | MomentSpacePlan | undefined =>
  partOf(plan, 'input-space') ?? partOf(plan, 'moment-space');
