import * as v from 'valibot';
import { addressProblem } from '../../base/address.ts';
import { GorpError } from '../../base/errors.ts';
import { planOf } from '../../methods/registry.ts';
import { COUNT } from '../../methods/parts/setting.ts';
import { needsOf, partOf } from '../../gorp/part/method-plan.ts';
import { goneSetting } from '../../methods/parts/gone-settings.ts';
import { MethodSchema } from '../../methods/schema.ts';
import { MOST_TASKS } from './results-bounds.ts';
import { TrainingSchema } from './training-settings.ts';

export { TrainingSchema, type TrainingSettings } from './training-settings.ts';

/** Settings of individual tasks, by name: the published orders 5 and 6 pass over MNLI twice. */
export const PerTaskSchema = v.record(v.string(), v.strictObject({ epochs: COUNT.schema }));

/** Names of tasks that are only tested. */
export const WatchSchema = v.pipe(
  v.array(v.string()),
  v.minLength(1),
  v.check((watch) => new Set(watch).size === watch.length, 'A task is listed twice.'),
);

const Settings = v.strictObject({
  /**
   * Where the model comes from: `embedded`, a repository on the hub as `org/name` or `org/name@revision`, the URL of a
   * folder with Hugging Face files, or `picked:NAME` for files passed alongside the settings
   * (src/weights/model-reference.ts).
   */
  model: v.string(),
  /**
   * Where datasets of CL_Benchmark come from: the URL of a folder, `picked` for the chosen or dropped folder,
   * `embedded` for none: then the order can contain only embedded and custom tasks.
   */
  tasks: v.string(),
  /**
   * Task names in the order they are learned; the name shows whether a task is embedded, from CL_Benchmark or the
   * user's.
   */
  order: v.pipe(
    v.array(v.string()),
    v.minLength(1),
    v.check((order) => new Set(order).size === order.length, 'A task is listed twice.'),
  ),
  /** Tasks that are only tested, before training and after every round, and never learned. */
  watch: v.exactOptional(WatchSchema),
  method: MethodSchema,
  training: TrainingSchema,
  perTask: v.exactOptional(PerTaskSchema),
});

/**
 * Settings without `training.rehearsal` 0. A build of 2026-12-01 had this setting, which is gone since nothing showed that
 * it helps; 0 was its start, and trains as runs do now.
 */
function withoutRehearsal(settings: unknown): unknown {
  const training = (settings as { training?: Readonly<Record<string, unknown>> } | null)?.training;
  if (training?.rehearsal !== 0) return settings;
  const left = Object.fromEntries(Object.entries(training).filter(([name]) => name !== 'rehearsal'));
  return { ...(settings as object), training: left };
}

/** {@link Settings} that go together. */
export const RunSettingsSchema = v.pipe(
  v.unknown(),
  v.transform(withoutRehearsal),
  Settings,
  v.forward(
    v.check(
      ({ order, watch = [] }) => order.length + watch.length <= MOST_TASKS,
      `A run has at most ${MOST_TASKS} tasks, with those that are only tested.`,
    ),
    ['order'],
  ),
  v.forward(
    v.check(
      ({ order, watch = [] }) => new Set([...order, ...watch]).size === order.length + watch.length,
      'A task is either learned or only tested.',
    ),
    ['watch'],
  ),
  v.forward(
    v.check(
      ({ order, training: { generalText } }) => !order.some((name) => generalText === `own:${name}`),
      'The general text shows what is lost of other text, so it cannot be a task that is learned.',
    ),
    ['training', 'generalText'],
  ),
  v.forward(
    v.check(
      ({ training: { warmupRatio, warmupSteps } }) => warmupRatio === 0 || warmupSteps === 0,
      'Give the warm-up as a share (warmupRatio) or as a number of steps (warmupSteps), and set the other to 0.',
    ),
    ['training', 'warmupSteps'],
  ),
  v.forward(
    v.check(
      ({ method, training: { batchTokens } }) => batchTokens === 0 || needsOf(planOf(method)).replayShare === undefined,
      'This method puts examples of earlier tasks in the place of others, so its batches cannot be packed by tokens: set batchTokens to 0.',
    ),
    ['training', 'batchTokens'],
  ),
  v.forward(
    v.check(
      ({ training: { loadBest, earlyStoppingPatience, validationExamples } }) =>
        validationExamples > 0 || (loadBest === 'last' && earlyStoppingPatience === 0),
      'Nothing is held out to measure a loss on: set validationExamples, or end each task with its last step (loadBest last, earlyStoppingPatience 0).',
    ),
    ['training', 'validationExamples'],
  ),
  v.forward(
    v.check(({ method, training: { gradientAccumulation } }) => {
      const fullRank = partOf(planOf(method), 'full-rank');
      return fullRank?.form !== 'projected' || fullRank.clipNorm === 'projected' || gradientAccumulation === 1;
    }, 'The exact norm of a sum of micro-batches needs the whole gradient: choose the projected norm, or no gradient ' + 'accumulation.'),
    ['method', 'clipNorm'] as never, // in methods that have it
  ),
);
export type RunSettings = v.InferOutput<typeof RunSettingsSchema>;

/** The tasks of a run by name, as the columns of its matrices: those it learns, then those that are only tested. */
export const testedTasks = ({ order, watch = [] }: Pick<RunSettings, 'order' | 'watch'>): string[] => [
  ...order,
  ...watch,
];

/** The custom task whose texts are the general text of a run; null if it takes the included text, or none. */
export const ownText = ({ training }: Pick<RunSettings, 'training'>): string | null =>
  /^own:(.+)$/s.exec(training.generalText)?.[1] ?? null;

/** All that a run reads by name: its tasks, and its own general text. */
export function namedTasks(settings: Pick<RunSettings, 'order' | 'watch' | 'training'>): string[] {
  const own = ownText(settings);
  return [...new Set([...testedTasks(settings), ...(own === null ? [] : [own])])];
}

/** Settings with another general text. */
export const withText = (settings: RunSettings, generalText: string): RunSettings => ({
  ...settings,
  training: { ...settings.training, generalText },
});

/** Settings with other watched tasks. */
export function watching(settings: RunSettings, watch: readonly string[]): RunSettings {
  const next: RunSettings = { ...settings, watch: [...watch] };
  if (watch.length === 0) delete next.watch;
  return next;
}

/** Passes over the examples of a round: its task's, or the run's if it trains on several. */
export function epochsOf({ training, perTask = {} }: RunSettings, tasks: readonly string[]): number {
  const own = tasks.length === 1 && Object.hasOwn(perTask, tasks[0]) ? perTask[tasks[0]] : undefined;
  return own?.epochs ?? training.epochs;
}

/**
 * Checks settings from outside (a form, a file, a message) before a run begins with them.
 *
 * @throws GorpError `settings/invalid`, naming the field; `settings/gone`; `settings/address` for an address that may hold a secret or is
 * not secure: settings are written into results and adapters.
 */
export function parseSettings(input: unknown): RunSettings {
  const parsed = v.safeParse(RunSettingsSchema, input, { abortEarly: true });
  if (parsed.success) {
    for (const field of ['model', 'tasks'] as const) {
      const text = parsed.output[field];
      const problem = /^https?:/i.test(text) ? addressProblem(text) : null;
      if (problem === null) continue;
      throw new GorpError('settings/address', `Setting ${field}: ${problem.message}`, problem.nextStep);
    }
    return parsed.output;
  }
  const gone = goneSetting(parsed.issues, 'This run');
  if (gone) throw gone;
  const [issue] = parsed.issues;
  throw new GorpError(
    'settings/invalid',
    `Setting ${v.getDotPath(issue) ?? '(root)'}: ${issue.message.replace(/\.$/, '')}.`,
    'Correct the named setting and start again.',
    { cause: parsed.issues },
  );
}
