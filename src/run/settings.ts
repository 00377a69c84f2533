import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';

const share = v.pipe(v.number(), v.gtValue(0), v.maxValue(1));
const positive = v.pipe(v.number(), v.gtValue(0), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const notNegative = v.pipe(v.number(), v.minValue(0), v.finite());

/** The methods one can choose by name; what each trains and how it treats gradients is in `src/gorp/methods.ts`. */
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
] as const;

/** How a method trains: METHOD.md sections 2-4. */
export const MethodSchema = v.strictObject({
  name: v.picklist(METHOD_NAMES),
  /** `none`, `one` pair trained on every task in turn, or `per-task`: a new pair per task, earlier ones frozen. */
  adapters: v.picklist(['none', 'one', 'per-task']),
  /** Full-rank target modules: frozen, trained with plain Adam, or with a projected gradient. */
  fullRank: v.picklist(['none', 'adam', 'projected']),
  /** Whether gradients are kept out of the shared space of earlier tasks. */
  sharedSpace: v.boolean(),
  loraRank: count,
  loraAlpha: positive,
  loraDropout: v.pipe(v.number(), v.minValue(0), v.ltValue(1)),
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
  galoreRank: count,
  galoreLearningRate: positive,
  galoreScale: positive,
  /** Steps between two refreshes of the projection basis. */
  updateProjGap: count,
  projType: v.picklist(['std', 'reverse_std', 'left', 'right', 'full']),
  /** O-LoRA: weight of Σ|A_prev Aᵀ| (λ₁) and of the new pair's norm (λ₂); N-LoRA: weight of Σ|B A|. Zero elsewhere. */
  orthogonalPenalty: notNegative,
  normPenalty: notNegative,
  sparsityPenalty: notNegative,
});
export type MethodSettings = v.InferOutput<typeof MethodSchema>;

export const TrainingSchema = v.strictObject({
  seed: v.pipe(v.number(), v.integer()),
  epochs: count,
  batchSize: count,
  gradientAccumulation: count,
  maxGradNorm: positive,
  /** Longest prompt in tokens; longer texts are cut, never the instruction or "Answer:". */
  sourceLength: count,
  /** Longest answer in tokens, when training and when generating. */
  targetLength: count,
  /** Examples used per task, balanced over labels; 0 = all. */
  trainExamples: v.pipe(v.number(), v.integer(), v.minValue(0)),
  testExamples: v.pipe(v.number(), v.integer(), v.minValue(0)),
  evaluationBatchSize: count,
});
export type TrainingSettings = v.InferOutput<typeof TrainingSchema>;

export const RunSettingsSchema = v.strictObject({
  /** Where the model comes from: `embedded`, or the URL of a folder with Hugging Face files. */
  model: v.string(),
  /** Where the tasks come from: `embedded`, or the URL of a CL_Benchmark folder. */
  tasks: v.string(),
  /** Dataset names in the order they are learned. */
  order: v.pipe(v.array(v.string()), v.minLength(1)),
  method: MethodSchema,
  training: TrainingSchema,
});
export type RunSettings = v.InferOutput<typeof RunSettingsSchema>;

/** Checks settings from outside (a form, a file, a message). @throws GorpError `settings/invalid`, naming the field. */
export function parseSettings(input: unknown): RunSettings {
  const parsed = v.safeParse(RunSettingsSchema, input);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new GorpError(
    'settings/invalid',
    `Setting ${v.getDotPath(issue) ?? '(root)'}: ${issue.message}`,
    'Correct the named setting and start again.',
    { cause: parsed.issues },
  );
}
