import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { MethodSchema } from '../gorp/method-settings.ts';

const positive = v.pipe(v.number(), v.gtValue(0), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(1));

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
  /**
   * Where the model comes from: `embedded`, a repository on the hub as `org/name` or `org/name@revision`, the URL of a
   * folder with Hugging Face files, or `picked:NAME` for files that are handed over beside the settings
   * (src/weights/model-reference.ts).
   */
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
