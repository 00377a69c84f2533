import * as v from 'valibot';

const AnswerSchema = v.object({
  Task: v.string(),
  Dataset: v.string(),
  /** `instruction` has `{0}` for the sentence. */
  Instance: v.object({ sentence: v.string(), label: v.string(), instruction: v.string() }),
  Prediction: v.string(),
});
/** A line of `predict_eval_predictions.jsonl`: what a model wrote to a test example. */
export type TestAnswer = v.InferOutput<typeof AnswerSchema>;

const LineSchema = v.pipe(v.string(), v.parseJson(), AnswerSchema);

/** The answers of a test, or of the beginning of its file; a line that is none, or is cut off, is left out. */
export const readAnswers = (lines: string): TestAnswer[] =>
  lines.split('\n').flatMap((line) => {
    const parsed = v.safeParse(LineSchema, line);
    return parsed.success ? [parsed.output] : [];
  });

/** The prompt that a model was asked with: as `promptOf` of the task has it. */
export const promptOfAnswer = ({ Task, Dataset, Instance }: TestAnswer): string =>
  `Task:${Task}\nDataset:${Dataset}\n${Instance.instruction.replace('{0}', () => Instance.sentence)}`;
