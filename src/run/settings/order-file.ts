import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import { goneSetting } from '../../methods/parts/gone-settings.ts';
import { MethodSchema } from '../../methods/schema.ts';
import { bearerOf, BENCHMARK_NAMES, benchmarkOf } from '../../tasks/benchmarks.ts';
import { makeCustomTask, type TaskSpec, TaskSpecSchema } from '../../tasks/custom-task.ts';
import { isEmbedded } from '../../tasks/embedded-tasks.ts';
import { readTableFile, type TableFile, tableOf } from '../../tasks/table.ts';
import type { Task } from '../../tasks/task.ts';
import { type HubSource, parseHubSource } from '../../weights/hub-dataset.ts';
import { namedTasks, ownText, PerTaskSchema, type RunSettings, TrainingSchema, WatchSchema } from './settings.ts';

/**
 * An order with its settings, as a file. It contains no texts: a custom task is described by how to make it from a
 * file, which the reader must have too and which its hash identifies.
 */
const OrderFileSchema = v.strictObject({
  schema: v.literal('gorp-web/order'),
  version: v.literal(1),
  /** As in the settings of a run. */
  tasks: v.string(),
  order: v.pipe(
    v.array(v.string()),
    v.minLength(1, 'It names no task'),
    v.check((order) => new Set(order).size === order.length, 'It names a task twice'),
  ),
  /** Tasks that are only tested. */
  watch: v.exactOptional(WatchSchema),
  method: MethodSchema,
  training: TrainingSchema,
  perTask: v.exactOptional(PerTaskSchema),
  /** The custom tasks of the order. */
  own: v.array(TaskSpecSchema),
});
export type OrderFile = v.InferOutput<typeof OrderFileSchema>;

/** The settings of a run without its model, and the custom tasks among the known ones, as an order file. */
export function orderFileOf(
  { tasks, order, watch, method, training, perTask }: RunSettings,
  known: readonly TaskSpec[],
): OrderFile {
  const own = known.filter(({ name }) => namedTasks({ order, watch: watch ?? [], training }).includes(name));
  const file = { schema: 'gorp-web/order' as const, version: 1 as const, tasks, order, method, training };
  return { ...file, ...(watch !== undefined && { watch }), ...(perTask !== undefined && { perTask }), own };
}

/** Whether a text looks like an order file rather than a file of examples. */
export const isOrderFile = (text: string): boolean => /^\ufeff?\s*\{\s*"schema"\s*:\s*"gorp-web\/order"/.test(text);

/**
 * Reads an order file.
 *
 * @param name of the file, for messages.
 * @throws GorpError `tasks/bad-order-file`, naming the field; `settings/gone`; `tasks/unknown-dataset` for a task that it does not
 *   describe and whose name is unknown.
 */
export function parseOrderFile(text: string, name: string): OrderFile {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw badOrder(name, `it is not JSON (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  }
  const parsed = v.safeParse(OrderFileSchema, json, { abortEarly: true });
  if (!parsed.success) {
    const gone = goneSetting(parsed.issues, name);
    if (gone) throw gone;
    const [issue] = parsed.issues;
    throw badOrder(name, `${v.getDotPath(issue) ?? 'its content'}: ${issue.message}`, parsed.issues);
  }
  const file = parsed.output;
  const own = file.own.map((spec) => spec.name);
  for (const [i, task] of own.entries()) {
    const bearer = bearerOf(task);
    if (bearer !== undefined) throw badOrder(name, `own.${i}.name: ${task} is also the name of ${bearer}`);
  }
  const unknown = namedTasks({ ...file, watch: file.watch ?? [] }).find(
    (task) => !own.includes(task) && (task === ownText(file) || (!isEmbedded(task) && benchmarkOf(task) === undefined)),
  );
  if (unknown === undefined) return file;
  throw new GorpError(
    'tasks/unknown-dataset',
    `${name} names ${unknown}, which is neither an embedded task, nor of ${BENCHMARK_NAMES}, nor described in it.`,
    'Add its description to the list "own", or remove it from the order.',
  );
}

/** A custom task made from a file. */
export interface MadeTask {
  spec: TaskSpec;
  task: Task;
  warnings: string[];
}

/**
 * Makes the custom tasks of an order from the given files; skips those that are stored already.
 *
 * @param stored the custom tasks that this browser or folder has.
 * @param files name and bytes of each; only the hash decides which one is meant.
 * @param readHub reads rows of a data set on the hub, as the description names them.
 * @throws GorpError `tasks/name-taken` if another task of that name is stored, `tasks/data-missing` if the file is not
 *   among those given, and as `readTableFile` and `makeCustomTask`.
 */
export async function makeOrderTasks(
  { own }: OrderFile,
  stored: readonly TaskSpec[],
  files: readonly { name: string; bytes: Uint8Array<ArrayBuffer> }[],
  readHub: (source: HubSource) => Promise<TableFile>,
): Promise<MadeTask[]> {
  const wanted = own.filter((spec) => {
    const other = stored.find(({ name }) => name === spec.name);
    if (other === undefined) return true;
    if (sameSpec(other, spec)) return false;
    throw new GorpError(
      'tasks/name-taken',
      `The order describes a custom task ${spec.name}, but another task of that name is stored.`,
      'Delete the stored one, or rename the one in the order file, and load the order again.',
    );
  });
  if (wanted.length === 0) return [];
  const ofHub = wanted.flatMap(({ file }) => parseHubSource(file) ?? []);
  const tables = await Promise.all([
    ...files.map(({ name, bytes }) => readTableFile(name, bytes)),
    ...ofHub.map((source) => readHub(source)),
  ]);
  return wanted.map((spec) => {
    const table = tables.find(({ sha256 }) => sha256 === spec.sha256);
    if (table === undefined) {
      throw new GorpError(
        'tasks/data-missing',
        `The custom task ${spec.name} is made from the file ${spec.file} (SHA-256 ${spec.sha256.slice(0, 12)}…), which is not here.`,
        'Choose the order file together with its data files, unchanged.',
      );
    }
    return { spec, ...makeCustomTask(tableOf(table, spec.header), spec) };
  });
}

const sameSpec = (a: TaskSpec, b: TaskSpec): boolean =>
  (Object.keys(TaskSpecSchema.entries) as (keyof TaskSpec)[]).every(
    (key) => JSON.stringify(a[key]) === JSON.stringify(b[key]),
  );

const badOrder = (name: string, what: string, cause?: unknown): GorpError =>
  new GorpError(
    'tasks/bad-order-file',
    `${name} is not an order file: ${what}.`,
    'Choose a file that “Save order” wrote, or correct the named field as docs/tasks.md describes it.',
    { cause },
  );
