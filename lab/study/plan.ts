import * as v from 'valibot';
import { GorpError } from '../../src/base/errors.ts';
import { withoutGone } from '../../src/methods/parts/gone-settings.ts';
import { METHOD_NAMES, withValues } from '../../src/methods/registry.ts';
import { isEmbedded } from '../../src/tasks/embedded-tasks.ts';
import { BENCHMARK_NAMES, benchmarkOf } from '../../src/tasks/benchmarks.ts';
import { SCORES } from '../../src/tasks/forms.ts';
import { ORDER_IDS, publishedOrder } from '../../src/tasks/orders.ts';
import { embeddedSettings } from '../../src/run/planning/presets.ts';
import { startingMethod } from '../../src/run/settings/starting-values.ts';
import {
  parseSettings,
  PerTaskSchema,
  type RunSettings,
  TrainingSchema,
  WatchSchema,
} from '../../src/run/settings/settings.ts';
import { difference } from '../../src/run/files/saved-round.ts';

/** Settings by name, without those that are gone; refuses other values of these than methods train with. */
const values = v.pipe(
  v.record(v.string(), v.union([v.number(), v.string()])),
  v.rawTransform<Record<string, number | string>, Record<string, number | string>>(
    ({ dataset: { value }, addIssue, NEVER }) => {
      const { left, gone } = withoutGone(value);
      if (gone === undefined) return left;
      const { key, message } = gone;
      addIssue({ message, path: [{ type: 'object', origin: 'value', input: value, key, value: gone.value }] });
      return NEVER;
    },
  ),
);
const name = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.-]*$/, 'Use small letters, digits, - and .'));
const training = v.partial(TrainingSchema);
const several = <T extends v.GenericSchema>(one: T) => v.pipe(v.array(one), v.nonEmpty('Name at least one'));

/** A method of a part, with its changed settings. */
const EntrySchema = v.strictObject({
  method: v.picklist(METHOD_NAMES, ({ input }) => `There is no method ${String(input)}`),
  /** Its label in tables; the method's name by default. */
  label: v.optional(name),
  settings: v.optional(values, {}),
  /** Training settings of this method that differ from the part: those it was tuned to. */
  training: v.exactOptional(training),
  /** Values to try of each setting, all combinations; the best is what {@link tunedIn} takes. */
  grid: v.optional(v.record(v.string(), several(v.number()))),
  /** The part whose best grid values of this method are taken. */
  tunedIn: v.optional(name),
});

/** A sequence of tasks, or the name of a published order. */
const OrderSchema = v.union([several(v.string()), v.string()]);

/** Orders one by one, or rows of a balanced Latin square of the tasks, counted from 1. */
const OrdersSchema = v.union([
  several(OrderSchema),
  v.strictObject({ square: several(v.string()), rows: several(v.pipe(v.number(), v.integer(), v.minValue(1))) }),
]);

const PartSchema = v.strictObject({
  name,
  about: v.string(),
  orders: OrdersSchema,
  seeds: several(v.pipe(v.number(), v.integer())),
  /** Settings for all its methods that have them. */
  settings: v.optional(values, {}),
  training: v.optional(training, {}),
  /** Tasks that are only tested, in place of the plan's. */
  watch: v.exactOptional(WatchSchema),
  perTask: v.exactOptional(PerTaskSchema),
  entries: several(EntrySchema),
});

const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'Give a SHA-256 in hexadecimal'));

/** The sources of a study: model and texts by SHA-256. */
const SourcesSchema = v.strictObject({
  /** The commit of this program. Folders of earlier versions do not say, nor do builds outside a repository. */
  code: v.exactOptional(v.string()),
  /** Of the model's files. */
  model: sha256,
  /** Of the texts, labels and question of each task, by name. */
  tasks: v.record(v.string(), sha256),
  /** The score that counts for each task, by name. Folders of earlier versions do not say. */
  scores: v.exactOptional(v.record(v.string(), v.picklist(SCORES))),
});
export type Sources = v.InferOutput<typeof SourcesSchema>;

/** A study: its runs, and the claim to decide, if one is stated in advance. */
const StudyPlanSchema = v.strictObject({
  schema: v.literal('gorp-web/study-plan'),
  version: v.literal(1),
  title: v.string(),
  model: v.optional(v.string(), 'embedded'),
  tasks: v.optional(v.string(), 'embedded'),
  /** Tasks that are only tested. */
  watch: v.exactOptional(WatchSchema),
  training: v.optional(training, {}),
  /** Average performance of `entry` against each of `rivals` in `part`; all else is exploratory. Values are labels. */
  claim: v.exactOptional(v.strictObject({ statement: v.string(), part: name, entry: name, rivals: several(name) })),
  /** Whether runs are saved with their curves, spaces and samples of layers; by default with their curves if these are small. */
  curves: v.exactOptional(v.boolean()),
  /**
   * The sources that the study began with: it continues with nothing else. The folder of a study has them from its
   * start.
   */
  sources: v.exactOptional(SourcesSchema),
  parts: several(PartSchema),
});
export type StudyPlan = v.InferOutput<typeof StudyPlanSchema>;
export type StudyPart = StudyPlan['parts'][number];
export type StudyEntry = StudyPart['entries'][number];

/** The tasks of a plan, each once. */
export const tasksOf = (plan: StudyPlan): string[] => [
  ...new Set(plan.parts.flatMap((part) => [...ordersOf(part).flat(), ...(watchedIn(plan, part) ?? [])])),
];

const watchedIn = (plan: StudyPlan, part: StudyPart): string[] | undefined => part.watch ?? plan.watch;

export const labelOf = ({ label, method }: StudyEntry): string => label ?? method;

/**
 * Reads a plan.
 *
 * @param source its name, for messages.
 * @throws GorpError `run/bad-study-plan`, naming the field; `tasks/unknown-dataset`.
 */
export function parseStudyPlan(text: string, source: string): StudyPlan {
  const bad = (what: string, cause?: unknown): GorpError =>
    new GorpError('run/bad-study-plan', `${source} is not a study plan: ${what}.`, 'Correct the named field.', {
      cause,
    });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw bad(`it is not JSON (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  }
  const parsed = v.safeParse(StudyPlanSchema, json);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw bad(`${v.getDotPath(issue) ?? 'its content'}: ${issue.message.replace(/\.$/, '')}`, parsed.issues);
  }
  const plan = parsed.output;
  const twice = firstTwice(plan.parts.map((part) => part.name));
  if (twice !== undefined) throw bad(`two parts are called ${twice}`);
  for (const part of plan.parts) {
    const label = firstTwice(part.entries.map(labelOf));
    if (label !== undefined) throw bad(`two entries of ${part.name} are called ${label}`);
    const names = Array.isArray(part.orders) ? part.orders.filter((one) => typeof one === 'string') : [];
    const unknown = names.find((id) => publishedOrder(id) === undefined);
    if (unknown !== undefined)
      throw bad(`the orders of ${part.name} name “${unknown}”, but the published ones are ${ORDER_IDS}`);
    for (const order of ordersOf(part)) checkOrder(plan, part.name, order, bad);
    for (const entry of part.entries) {
      const { tunedIn, method } = entry;
      const from = plan.parts.find((one) => one.name === tunedIn);
      if (tunedIn === undefined) continue;
      if (!from?.entries.some((one) => one.method === method && one.grid !== undefined))
        throw bad(`${labelOf(entry)} of ${part.name} is tuned in ${tunedIn}, which has no grid of ${method}`);
    }
  }
  const { claim } = plan;
  const claimed = plan.parts.find((part) => part.name === claim?.part);
  for (const label of claim === undefined ? [] : [claim.entry, ...claim.rivals]) {
    if (!claimed?.entries.some((entry) => labelOf(entry) === label))
      throw bad(`its claim names ${label} in ${claim?.part}, which does not exist`);
  }
  for (const { settings } of plan.parts.flatMap((part) => plannedRuns(plan, part, () => ({})))) settings();
  return plan;
}

const firstTwice = (names: readonly string[]): string | undefined => names.find((one, i) => names.indexOf(one) < i);

function checkOrder(
  { sources }: StudyPlan,
  part: string,
  order: readonly string[],
  bad: (what: string) => GorpError,
): void {
  const twice = firstTwice(order);
  if (twice !== undefined) throw bad(`an order of ${part} names ${twice} twice`);
  // The folder of a study with custom tasks names them among its sources.
  const known = sources?.tasks ?? {};
  const unknown = order.find(
    (task) => !isEmbedded(task) && !Object.hasOwn(known, task) && benchmarkOf(task) === undefined,
  );
  if (unknown === undefined) return;
  throw new GorpError(
    'tasks/unknown-dataset',
    `An order of ${part} names ${unknown}, which is neither an embedded task nor of ${BENCHMARK_NAMES}.`,
    'Remove it from the plan, or correct its name.',
  );
}

/** The orders of a part, written out. */
export function ordersOf({ orders }: StudyPart): string[][] {
  if (Array.isArray(orders)) {
    return orders.map((one) =>
      typeof one === 'string' ? (publishedOrder(one)?.rounds.map(({ dataset }) => dataset) ?? []) : one,
    );
  }
  const square = balancedSquare(orders.square);
  return orders.rows.flatMap((row) => (row <= square.length ? [square[row - 1]] : []));
}

/**
 * A balanced Latin square (Williams 1949): every task appears once in each place, and for an even number of tasks once
 * right after every other. So the difficulty of a task is not mistaken for an effect of its place.
 */
export function balancedSquare(tasks: readonly string[]): string[][] {
  const count = tasks.length;
  const first = tasks.map((_, i) => (i % 2 === 0 ? (count - i / 2) % count : (i + 1) / 2));
  return tasks.map((_, row) => first.map((at) => tasks[(at + row) % count]));
}

/** Values of settings, by name. */
export type TriedValues = Readonly<Record<string, number | string>>;

/** A run of a plan. */
export interface PlannedRun {
  readonly part: string;
  readonly label: string;
  /** Index of its order in the part. */
  readonly order: number;
  readonly seed: number;
  /** The values of its grid; empty if there is none. */
  readonly tried: TriedValues;
  /** Its name in the part. */
  readonly name: string;
  /** @throws GorpError `settings/invalid`, naming the setting. */
  readonly settings: () => RunSettings;
}

/**
 * The runs of a part, by seed and order, each with all methods, so that an interrupted study can compare the runs it
 * has.
 *
 * @param tuned the best values of a method in another part; null while unknown: its runs are then left out.
 */
export function plannedRuns(
  plan: StudyPlan,
  part: StudyPart,
  tuned: (part: string, method: StudyEntry['method']) => TriedValues | null,
): PlannedRun[] {
  const places = part.seeds.flatMap((seed) => ordersOf(part).map((tasks, order) => ({ seed, order, tasks })));
  return places.flatMap(({ seed, order, tasks }) =>
    part.entries.flatMap((entry) => {
      const chosen = entry.tunedIn === undefined ? {} : tuned(entry.tunedIn, entry.method);
      if (chosen === null) return [];
      const label = labelOf(entry);
      return combinations(entry.grid ?? {}).map((tried): PlannedRun => {
        const forms = Object.entries(tried).map(([key, value]) => `-${key}=${value}`);
        return {
          part: part.name,
          label,
          order,
          seed,
          tried,
          name: `${label}${forms.join('')}-order${order + 1}-seed${seed}`,
          settings: () => settingsOf(plan, part, entry, tasks, seed, { ...chosen, ...tried }),
        };
      });
    }),
  );
}

function settingsOf(
  plan: StudyPlan,
  part: StudyPart,
  { method, settings, training: own }: StudyEntry,
  order: readonly string[],
  seed: number,
  chosen: TriedValues,
): RunSettings {
  const preset = startingMethod(plan.model, method);
  const shared = withValues(preset, part.settings);
  const watch = watchedIn(plan, part);
  return parseSettings({
    model: plan.model,
    tasks: plan.tasks,
    order,
    ...(watch !== undefined && { watch }),
    method: { ...shared, ...settings, ...chosen },
    training: {
      ...embeddedSettings('full', method).training,
      generalText: 'none', // unless the plan asks for it
      ...plan.training,
      ...part.training,
      ...own,
      seed,
    },
    ...(part.perTask !== undefined && { perTask: part.perTask }),
  });
}

/** Every combination of the values of a grid. */
export function combinations(grid: Readonly<Record<string, readonly number[]>>): TriedValues[] {
  return Object.entries(grid).reduce<TriedValues[]>(
    (all, [key, options]) => all.flatMap((one) => options.map((value) => ({ ...one, [key]: value }))),
    [{}],
  );
}

/** The part of a plan that has no other. */
const PART = 'study';

/**
 * Several methods on one order or several as a plan of one part, without a claim.
 *
 * @param all settings of each method, which differ in nothing else; at least one.
 */
export function planOfMethods(
  all: readonly RunSettings[],
  seeds: readonly number[],
  orders: readonly (readonly string[])[] = [all[0].order],
): StudyPlan {
  const [{ model, tasks, watch, training, perTask }] = all;
  const entries = all.map(({ method: { name, ...settings } }) => ({ method: name, settings }));
  return {
    schema: 'gorp-web/study-plan',
    version: 1,
    title: 'Methods and seeds',
    model,
    tasks,
    curves: true,
    ...(watch !== undefined && { watch }),
    training,
    parts: [
      {
        ...{
          name: PART,
          about: `${model} on ${orders.map((order) => order.join(', ')).join('; ')}.`,
          orders: orders.map((order) => [...order]),
          seeds: [...seeds],
        },
        settings: {},
        training: {},
        ...(perTask !== undefined && { perTask }),
        entries,
      },
    ],
  };
}

/**
 * A study with further methods and seeds. All else must be the same, since the runs stand in one table.
 *
 * @throws GorpError `run/other-study`, naming what is different.
 */
export function joined(there: StudyPlan, added: StudyPlan, out: string): StudyPlan {
  const [[before, ...others], [after]] = [there.parts, added.parts];
  const labels = before.entries.map(labelOf);
  const shared = after.entries.map(labelOf).filter((label) => labels.includes(label));
  const path = others.length > 0 ? 'parts' : difference(commonOf(there, shared), commonOf(added, shared));
  if (path !== null) {
    throw new GorpError(
      'run/other-study',
      `${out} holds the study “${there.title}” with another value of ${path}.`,
      'Name another folder with --out: runs that differ in more than method and seed do not stand in one table.',
    );
  }
  const entries = [...before.entries, ...after.entries.filter((entry) => !labels.includes(labelOf(entry)))];
  return { ...there, parts: [{ ...before, entries, seeds: [...new Set([...before.seeds, ...after.seeds])] }] };
}

/** Returns the values that two studies which are joined must share, under the names that people know. */
function commonOf(
  { parts: [part], model, tasks, watch, training, claim }: StudyPlan,
  labels: readonly string[],
): unknown {
  const methods = part.entries.filter((entry) => labels.includes(labelOf(entry)));
  return {
    claim,
    model,
    tasks,
    watch,
    training,
    perTask: part.perTask,
    orders: ordersOf(part)
      .map((order) => order.join(', '))
      .join('; '),
    name: part.name,
    settings: part.settings,
    partTraining: part.training,
    methods: Object.fromEntries(methods.map((entry) => [labelOf(entry), entry])),
  };
}
