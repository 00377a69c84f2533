import * as v from 'valibot';

const share = v.pipe(v.number(), v.gtValue(0), v.maxValue(1));
const positive = v.pipe(v.number(), v.gtValue(0), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const notNegative = v.pipe(v.number(), v.minValue(0), v.finite());

/** The methods one can choose by name; what each trains and how it treats gradients is in `methods.ts`. */
export const METHOD_NAMES = [
  'gorp-plus',
  'gorp',
  'gorp-b',
  'gorp-bl',
  'gorp-bs',
  'seq-lora',
  'inc-lora',
  'o-lora',
  'n-lora',
  'seq-ft',
  'galore',
  'mtl',
  'per-task',
] as const;
export type MethodName = (typeof METHOD_NAMES)[number];

/** How a method trains: docs/method.md, sections 2 to 4. */
const Fields = v.strictObject({
  name: v.picklist(METHOD_NAMES),
  /** How tasks come: one after another, all mixed in a single round, or each one alone, from the base model. */
  schedule: v.picklist(['in-turn', 'mixed', 'apart']),
  /** `none`, `one` pair trained on every task in turn, or `per-task`: a new pair per task, earlier ones frozen. */
  adapters: v.picklist(['none', 'one', 'per-task']),
  /** Full-rank target modules: frozen, trained with plain Adam, or with a projected gradient. */
  fullRank: v.picklist(['none', 'adam', 'projected']),
  /** Whether gradients are kept out of the shared space of earlier tasks. */
  sharedSpace: v.boolean(),
  loraRank: count,
  loraAlpha: positive,
  loraDropout: v.pipe(v.number(), v.minValue(0), v.ltValue(1)),
  /** Learning rate of adapters. */
  learningRate: positive,
  /** Side of A on which the space acts: `rank` as published, `input` as GPM does. */
  loraSpace: v.picklist(['rank', 'input']),
  /** What the space is built from: Adam's first moment as published, or the layers' inputs. */
  spaceSource: v.picklist(['moment', 'activation']),
  /** Side of a projected full-rank gradient on which S acts: the one kept whole, or always the left as released. */
  spaceSide: v.picklist(['kept', 'left']),
  spaceRule: v.picklist(['paper', 'official']),
  /** What is kept out of S: the gradient as published, or the update too. */
  project: v.picklist(['gradient', 'update']),
  /** Energy that S must hold of each tensor, in (0, 1]. */
  threshold: share,
  /**
   * Of a space of inputs: 0 cuts directions off at the threshold. More keeps each out by a weight that its energy gives,
   * and by half where that is so many times the average of all directions ({@link growSoftSpace}); there is no threshold.
   */
  softness: v.optional(notNegative, 0), // earlier results have hard spaces
  /**
   * Learning rates from task to task: the same, or raised by what a space of inputs, if it is one, takes away of a step's
   * effect ({@link compensation}).
   */
  taskRates: v.optional(v.picklist(['constant', 'compensated']), 'constant'), // there was no choice in earlier results
  galoreRank: count,
  /** Learning rate of full-rank weights, projected or not. */
  galoreLearningRate: positive,
  galoreScale: positive,
  /** Steps between two refreshes of the projection basis. */
  updateProjGap: count,
  projType: v.picklist(['std', 'reverse_std', 'left', 'right', 'full']),
  /**
   * `exact`: gradients are formed, and singular vectors come from an exact decomposition on the host. `fast`: gradients
   * are never formed, and singular vectors come from block power iteration on the GPU.
   */
  projection: v.optional(v.picklist(['exact', 'fast']), 'exact'), // results from before there was a choice are exact
  /**
   * What stands for a projected gradient in the norm that clips when `projection` is `fast`: ‖G‖ itself, at a price
   * ({@link recordSquaredNorm}), or ‖R‖ of its compressed form for nothing. An exact projection has ‖G‖ at hand.
   */
  clipNorm: v.optional(v.picklist(['exact', 'projected']), 'exact'),
  /** O-LoRA: weight of Σ|A_prev Aᵀ| (λ₁; λ₂ is 0 in all published orders). N-LoRA: weight of Σ|B A|. Zero elsewhere. */
  orthogonalPenalty: notNegative,
  sparsityPenalty: notNegative,
});

/** {@link Fields} that go together. */
export const MethodSchema = v.pipe(
  Fields,
  v.forward(
    v.check(
      ({ schedule, adapters, fullRank, sharedSpace }) =>
        schedule !== 'apart' || (adapters === 'per-task' && fullRank === 'none' && !sharedSpace),
      'Tasks apart from each other need adapters per task, no full-rank weights and no shared space.',
    ),
    ['schedule'],
  ),
  v.forward(
    v.check(
      ({ sharedSpace, spaceSource, adapters, loraSpace }) =>
        !sharedSpace || spaceSource === 'moment' || adapters === 'none' || loraSpace === 'input',
      'A space of the layers’ inputs acts on the input side of A: choose the input side, or the first moment.',
    ),
    ['loraSpace'],
  ),
);
export type MethodSettings = v.InferOutput<typeof MethodSchema>;

/** Whether directions are kept out of updates by weights, and not cut off at a threshold. */
export const hasSoftSpaces = ({ sharedSpace, spaceSource, softness }: MethodSettings): boolean =>
  sharedSpace && spaceSource === 'activation' && softness > 0;
