import type { MethodName, MethodSettings } from './method-settings.ts';

interface Method {
  /** One sentence for the page: what is trained, and what is done about forgetting. */
  readonly summary: string;
  readonly differs: Partial<Omit<MethodSettings, 'name'>>;
}

/** What all methods share: the published settings of orders 1-3, with nothing trained (docs/method.md, sections 2 to 5). */
const COMMON: Omit<MethodSettings, 'name'> = {
  schedule: 'in-turn',
  adapters: 'none',
  fullRank: 'none',
  sharedSpace: false,
  loraRank: 8,
  loraAlpha: 32,
  loraDropout: 0.1,
  learningRate: 1e-3,
  loraSpace: 'rank',
  spaceSource: 'moment',
  spaceSide: 'kept',
  spaceRule: 'paper',
  project: 'gradient',
  threshold: 0.9,
  softness: 0,
  taskRates: 'constant',
  galoreRank: 8,
  galoreLearningRate: 1e-3,
  galoreScale: 1,
  updateProjGap: 10,
  projType: 'std',
  projection: 'fast',
  clipNorm: 'projected',
  orthogonalPenalty: 0,
  sparsityPenalty: 0,
};

/** docs/method.md, section 7. */
const METHODS: Record<MethodName, Method> = {
  /**
   * This project's own form: a new adapter pair per task and projected full-rank weights, with gradients, updates and
   * the fresh A kept out of the inputs of earlier tasks.
   */
  'gorp-plus': {
    summary:
      'GORP in this project’s own form: where the published form keeps gradients out of the main gradient directions ' +
      'of earlier tasks, it keeps every update out of the input directions of earlier tasks, by as much as these used ' +
      'them, for adapters and full-rank weights alike.',
    differs: {
      adapters: 'per-task',
      fullRank: 'projected',
      sharedSpace: true,
      loraSpace: 'input',
      spaceSource: 'activation',
      project: 'update',
      threshold: 0.97,
      softness: 0.0625,
      taskRates: 'compensated',
      // The space leaves less to learn with; higher ranks give that back.
      loraRank: 16,
      loraAlpha: 64,
      galoreRank: 16,
    },
  },
  /** A new adapter pair per task and projected full-rank weights; the gradients of A and W leave the shared space. */
  gorp: {
    summary:
      'GORP as published: trains a new adapter per task together with full-rank weights through a low-rank ' +
      'projection, and keeps the gradients of both out of the main gradient directions of earlier tasks.',
    differs: { adapters: 'per-task', fullRank: 'projected', sharedSpace: true },
  },
  /** Ablation: a new adapter pair per task only; gradients are left as they are, so it equals `inc-lora`. */
  'gorp-b': {
    summary: 'GORP’s base alone: trains a new adapter per task and leaves gradients as they are.',
    differs: { adapters: 'per-task' },
  },
  /** Ablation: a new adapter pair per task and projected full-rank weights; no shared space. */
  'gorp-bl': {
    summary:
      'GORP without its shared space: trains a new adapter per task together with full-rank weights through a ' +
      'low-rank projection, with nothing kept of earlier gradients.',
    differs: { adapters: 'per-task', fullRank: 'projected' },
  },
  /** Ablation: a new adapter pair per task; the gradient of A leaves the shared space. */
  'gorp-bs': {
    summary:
      'GORP without full-rank weights: trains a new adapter per task and keeps its gradients out of the main ' +
      'gradient directions of earlier tasks.',
    differs: { adapters: 'per-task', sharedSpace: true },
  },
  /** One adapter pair, trained on every task in turn with plain Adam. */
  'seq-lora': {
    summary: 'Trains one and the same adapter on every task in turn, with nothing done against forgetting.',
    differs: { adapters: 'one' },
  },
  /** A new adapter pair per task with plain Adam; the earlier pairs stay active and frozen. */
  'inc-lora': {
    summary: 'Trains a new adapter per task, freezes the earlier ones, and leaves gradients as they are.',
    differs: { adapters: 'per-task' },
  },
  /**
   * `inc-lora` with penalties in the loss: λ₁ Σ |A_prev Aᵀ| and λ₂ times the norm of the new pair. λ₂ is 0 in the
   * published orders 1-3.
   */
  'o-lora': {
    summary:
      'O-LoRA: trains a new adapter per task, with a penalty that makes its input directions orthogonal to those of ' +
      'the earlier adapters.',
    differs: { adapters: 'per-task', orthogonalPenalty: 0.5 },
  },
  /**
   * `inc-lora` with the penalty λ Σ |B A| on the new pair. None is published for T5 of this size: 1e-4 makes the term comparable to the
   * loss at the sizes of T5 trained here.
   */
  'n-lora': {
    summary:
      'N-LoRA: trains a new adapter per task, with a penalty that keeps its weight change sparse, so that tasks ' +
      'seldom change the same weights.',
    differs: { adapters: 'per-task', sparsityPenalty: 1e-4 },
  },
  /** The target modules in full rank with plain Adam, task after task. */
  'seq-ft': {
    summary: 'Trains the full-rank weights on every task in turn, with nothing done against forgetting.',
    differs: { fullRank: 'adam' },
  },
  /** The target modules with a gradient projected to low rank, task after task; no shared space. */
  galore: {
    summary:
      'GaLore: trains the full-rank weights on every task in turn through a low-rank projection of the gradient, with ' +
      'nothing done against forgetting.',
    differs: { fullRank: 'projected' },
  },
  /** The upper bound: what `gorp` trains, on all tasks at once. Nothing can be forgotten. */
  mtl: {
    summary:
      'Multi-task training, the upper bound: trains an adapter and the full-rank weights on all tasks mixed, so that ' +
      'nothing has to be remembered.',
    differs: { schedule: 'mixed', adapters: 'one', fullRank: 'projected' },
  },
  /** The ceiling for just-learned accuracy: an adapter pair per task, each alone on the base model. */
  'per-task': {
    summary:
      'One adapter per task, each on the untouched base model, the ceiling for what a task can learn: only the ' +
      'adapter of the task at hand is active, so nothing is forgotten and nothing is shared.',
    differs: { schedule: 'apart', adapters: 'per-task' },
  },
};

/** A method's settings as published, or as tried for `gorp-plus` (docs/method.md, section 7). A fresh object every time. */
export function methodPreset(name: MethodName): MethodSettings {
  return { name, ...COMMON, ...METHODS[name].differs };
}

/** What a method trains and what it does about forgetting, in one sentence for the page. */
export function methodSummary(name: MethodName): string {
  return METHODS[name].summary;
}
