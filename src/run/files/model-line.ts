import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import { methodTitle } from '../../methods/registry.ts';
import { mainScore, SCORES, TASK_FORMS } from '../../tasks/forms.ts';
import { type ByteFile, readJson } from '../../weights/model-files.ts';
import { FieldsSchema } from '../results/results.ts';
import { roundOf } from '../settings/schedule.ts';
import { RunSettingsSchema } from '../settings/settings.ts';
import { type Lesson, LessonSchema } from '../tasks/lessons.ts';

const score = v.nullable(v.number());
/** A task that a model was taught, as lists show it. */
const TaughtLessonSchema = v.object({
  name: v.string(),
  /** Null if prompts have none, or if an earlier version saved the model. */
  question: v.nullable(v.string()),
  labels: v.array(v.string()),
  form: v.picklist(TASK_FORMS),
  /** When its training ended; of models of earlier versions, when their run began. */
  taughtAt: v.string(),
  /** Title of the method that taught it. */
  method: v.string(),
  /** The score that counts for it: after it was learned, and of this model; null if it was not tested. */
  score: v.picklist(SCORES),
  then: score,
  now: score,
  /** Number of tests that come with the model. */
  tests: v.number(),
});
export type TaughtLesson = v.InferOutput<typeof TaughtLessonSchema>;

/** A summary of a saved model: its base, and what it was taught. */
export const ModelSummarySchema = v.object({
  /** The run that taught the last lesson, and what a person called it; null and empty if unknown. */
  run: v.nullable(v.string()),
  name: v.string(),
  settings: RunSettingsSchema,
  commit: v.nullable(v.string()),
  /** In order; never empty. */
  lessons: v.pipe(v.array(TaughtLessonSchema), v.minLength(1)),
});
export type ModelSummary = v.InferOutput<typeof ModelSummarySchema>;

/** The part of a round's manifest that lists need: its largest fields are not checked. */
const SummarySchema = v.object({
  place: v.object({ round: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
  lessons: v.optional(v.array(LessonSchema), []),
  results: v.object(
    v.pick(FieldsSchema, ['id', 'name', 'startedAt', 'settings', 'tasks', 'accuracy', 'model']).entries,
  ),
});
type Saved = Omit<v.InferOutput<typeof SummarySchema>, 'place' | 'lessons'> & {
  readonly round: number;
  readonly lessons: readonly Lesson[];
};

/** Reads what lists show of a saved model. @returns null if this version cannot read it. */
export async function readSummary(manifest: ByteFile): Promise<ModelSummary | null> {
  try {
    const { place, ...saved } = v.parse(SummarySchema, await readJson(manifest));
    return summaryOfModel({ ...saved, round: place.round });
  } catch (thrown) {
    if (thrown instanceof v.ValiError || thrown instanceof GorpError) return null;
    throw thrown;
  }
}

/** Summarises the model that a run saved after a round. */
export function summaryOfModel({ round, results, lessons }: Saved): ModelSummary {
  const { id, name = '', startedAt, settings, tasks, accuracy, model } = results;
  return {
    run: id ?? null,
    name,
    settings,
    commit: model.commit,
    lessons: settings.order.slice(0, round).map((task, i): TaughtLesson => {
      const { labels, form = 'labels', score: own } = tasks[i];
      const score = mainScore({ form, score: own });
      const lesson = lessons.find(({ definition }) => definition.name === task);
      return {
        name: task,
        labels,
        form,
        score,
        question: lesson?.definition.instruction?.trim() ?? null,
        taughtAt: lesson?.taughtAt ?? startedAt,
        method: lesson?.method ?? methodTitle(settings.method),
        then: accuracy[score]?.[roundOf(settings, i)]?.[i] ?? null,
        now: accuracy[score]?.[round]?.[i] ?? null,
        tests: lesson?.tests?.asked.length ?? 0,
      };
    }),
  };
}

/** Returns the name of a model: the names of what it was taught. */
export const taughtName = ({ lessons }: Pick<ModelSummary, 'lessons'>): string =>
  lessons.map(({ name }) => name).join(', ');

/** The error for a model that is no longer in this browser, by its key there. */
export const modelGone = (key: string): GorpError =>
  new GorpError(
    'run/model-gone',
    `The model after ${key.replace(/^.*\/(?:\d+-)?/, '')} is no longer in this browser: it was removed, perhaps in another tab.`,
    'Choose another under Models, or load this one again from a folder or file that you saved.',
  );

/** Whether a model was taught another one's lessons first, and then more. No two lessons end at the same time. */
export const descendsFrom = (one: Pick<ModelSummary, 'lessons'>, other: Pick<ModelSummary, 'lessons'>): boolean =>
  other.lessons.length < one.lessons.length &&
  other.lessons.every(({ name, taughtAt }, i) => one.lessons[i].name === name && one.lessons[i].taughtAt === taughtAt);

/** The stored models from which one descends, the oldest first; of copies with the same lessons, the first. */
export function ancestorsOf<Model extends Pick<ModelSummary, 'lessons'>>(
  model: Pick<ModelSummary, 'lessons'>,
  models: readonly Model[],
): Model[] {
  const all = models.filter((one) => descendsFrom(model, one));
  return all
    .filter((one, i) => all.findIndex(({ lessons }) => lessons.length === one.lessons.length) === i)
    .sort((a, b) => a.lessons.length - b.lessons.length);
}
