import * as v from 'valibot';
import { ExampleSchema, TaskDefinitionSchema } from '../../tasks/custom-task.ts';
import type { EncodedTask } from './encoded-task.ts';
import type { TaskReport } from '../results/results.ts';

const tokens = v.array(v.pipe(v.number(), v.integer(), v.minValue(0)));

/** A task as a model was taught it: what a run needs of it later, when its files are gone. */
export const LessonSchema = v.strictObject({
  definition: TaskDefinitionSchema,
  /** When its training ended. */
  taughtAt: v.pipe(v.string(), v.isoTimestamp()),
  /** Title of the method that taught it; the first models with lessons lack it. */
  method: v.exactOptional(v.string()),
  /** Its tests, as the model reads them; null if they are not kept. */
  tests: v.nullable(
    v.strictObject({
      asked: v.array(ExampleSchema),
      encoded: v.array(v.strictObject({ source: tokens, label: tokens })),
      /** The labels as token ids, end-of-text last. */
      candidates: v.array(tokens),
    }),
  ),
});
export type Lesson = v.InferOutput<typeof LessonSchema>;

/**
 * The lesson of a task that has been learned.
 *
 * @param method title of the method that taught it.
 * @param keepsTests whether its tests stay with the model, to be asked again when it is taught more.
 */
export const lessonOf = (
  { definition, asked, test, candidates }: EncodedTask,
  taughtAt: string,
  method: string,
  keepsTests = true,
): Lesson => ({
  definition: structuredClone(definition) as Lesson['definition'],
  taughtAt,
  method,
  tests: keepsTests ? (structuredClone({ asked, encoded: test, candidates }) as unknown as Lesson['tests']) : null,
});

/**
 * A task of an earlier run, for the columns and tests of a run that teaches the model more. Nothing is trained on it. It
 * is not tested if its tests are not at hand.
 *
 * @param report of the task in that run's results.
 * @param lesson undefined for models of versions that stored none.
 * @param vocabulary number of tokens that the model knows.
 */
export function earlierTask(report: TaskReport, lesson: Lesson | undefined, vocabulary: number): EncodedTask {
  const { name, kind, form = 'labels', score, labels, watched = false, texts = '', labelTokens = 1 } = report;
  const definition = lesson?.definition ?? { name, kind, instruction: null, labels, form, score };
  const { asked, encoded, candidates } = lesson?.tests ?? { asked: [], encoded: [], candidates: [] };
  return {
    name,
    kind,
    form,
    score,
    watched,
    labels,
    definition,
    asked,
    candidates,
    texts,
    vocabulary,
    train: [],
    protects: [],
    validation: [],
    test: encoded,
    longestAnswer: labelTokens,
    reported: report,
  };
}
