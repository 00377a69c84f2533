import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GorpError } from '../base/errors.ts';
import { METHOD_NAMES, type MethodName, methodPreset, withValues } from '../methods/registry.ts';
import { makeOrderTasks, parseOrderFile } from '../run/order-file.ts';
import { embeddedMethod, embeddedSettings, type PresetName, publishedSettings } from '../run/presets.ts';
import { parseSettings, type RunSettings } from '../run/settings.ts';
import { BENCHMARK_KINDS, embeddedTask, publishedOrder } from '../tasks/orders.ts';
import { loadSuperNi, SUPERNI_FOLDERS, SUPERNI_ORDERS, SUPERNI_SETTINGS } from '../tasks/super-ni-orders.ts';
import type { Task } from '../tasks/task.ts';
import { embeddedModel } from '../weights/embedded-models.ts';
import { oneOf, wholeNumber } from './arguments.ts';
import { UsageError } from './exit-codes.ts';
import { nodeTaskReader } from './host.ts';
import { TASK_USAGE, taskNamed, taskOfOption } from './task-option.ts';

/** Options that choose model, tasks and method. */
export const SETTINGS_OPTIONS = {
  model: { type: 'string', default: 'embedded' },
  tasks: { type: 'string', default: 'embedded' },
  order: { type: 'string', default: 'embedded' },
  task: { type: 'string', multiple: true, default: [] as string[] },
  method: { type: 'string' },
  seed: { type: 'string' },
  preset: { type: 'string', default: 'full' },
  set: { type: 'string', multiple: true, default: [] as string[] },
} as const;

export const SETTINGS_USAGE = `  --model NAME     embedded (a T5, default), embedded-llama, a folder or GGUF file on disk, org/name[@revision]
                   of the hub, org/name[@revision]:FILE.gguf, or an address
  --tasks NAME     embedded (default), CL_Benchmark on disk or its parent folder, or an address
  --order NAME     embedded (default), 1 to 6, llama-1 to llama-3, superni-1, superni-2, tasks by name (gloss,agnews,reviews), or an order
                   file (the page writes them); without it, the tasks of --task in their sequence
${TASK_USAGE}
  --method NAME    ${METHOD_NAMES.join(', ')};
                   default gorp-plus, or the order file's
  --seed N         seed of samples, example order and initial values; default 1, published orders 42
  --preset NAME    full (default) or quick, for the embedded order
  --set PATH=VALUE any other setting; repeatable: --set training.trainExamples=500
                   (training.epochs, .batchSize, .testExamples, …; method.loraRank, .learningRate, …;
                   training.loraModules, .fullRankModules: '["model.layers.*.self_attn.q_proj"]')`;

export interface SettingsValues {
  model: string;
  tasks: string;
  order: string;
  task: string[];
  method?: string | undefined;
  seed?: string | undefined;
  preset: string;
  set: string[];
}

/** Settings of a run, and the custom tasks that its order file describes. */
export interface ChosenRun {
  settings: RunSettings;
  customTasks: readonly Task[];
  /** What to check of the tasks, in sentences. */
  notes?: readonly string[];
}

/**
 * The run that a command line describes.
 *
 * @param options `readsTasks`: whether the tasks must be readable.
 * @throws UsageError; GorpError `settings/…`, `tasks/…` if something named cannot be used.
 */
export async function chooseRun(values: SettingsValues, { readsTasks = true } = {}): Promise<ChosenRun> {
  const { model, tasks, order, preset } = values;
  const method = values.method === undefined ? undefined : oneOf('--method', values.method, METHOD_NAMES);
  const published = publishedOrder(order);
  let settings: RunSettings;
  let customTasks: readonly Task[] = [];
  const own = values.task.length > 0 ? await ownTasks(values.task) : null;
  const superNi = Object.hasOwn(SUPERNI_ORDERS, order) ? SUPERNI_ORDERS[order] : null;
  if (own !== null || superNi !== null || isListOfTasks(order)) {
    const names = own?.tasks.map(({ name }) => name) ?? [];
    const sequence =
      superNi ?? (order === 'embedded' ? names : order.split(',').map((name) => taskNamed(name.trim(), names)));
    customTasks = [...(own?.tasks ?? []), ...(await superNiTasks(sequence, names, tasks))];
    const unused = names.find((name) => !sequence.includes(name));
    if (unused !== undefined) throw new UsageError(`--order does not name the task ${unused} of --task.`);
    const twice = sequence.find((name, i) => sequence.indexOf(name) !== i);
    if (twice !== undefined) throw new UsageError(`--order names ${twice} twice.`);
    settings = {
      ...listedSettings(model, oneOf('--preset', preset, ['full', 'quick']), method),
      tasks,
      order: [...sequence],
    };
    if (superNi !== null) settings = asPublished(settings);
  } else if (published) {
    if (tasks === 'embedded' && readsTasks)
      throw new UsageError(`Order ${order} needs CL_Benchmark: name its folder with --tasks.`);
    settings = { model, tasks, ...publishedSettings(published, method ?? 'gorp-plus') };
  } else if (order === 'embedded') {
    const chosen = embeddedSettings(oneOf('--preset', preset, ['full', 'quick']), method ?? 'gorp-plus');
    settings = { ...chosen, model, tasks };
  } else ({ settings, customTasks } = await fromFile(order, model, tasks, method));
  const notes = own?.notes ?? [];
  return { settings: changed(settings, values.seed, values.set), customTasks, notes };
}

/** The tasks of SuperNI in an order, from the folder of `--tasks`. @param own names of the tasks of `--task`. */
async function superNiTasks(order: readonly string[], own: readonly string[], folder: string): Promise<Task[]> {
  const names = order.filter((name) => !own.includes(name) && Object.hasOwn(SUPERNI_FOLDERS, name));
  if (names.length === 0) return [];
  if (folder === 'embedded') throw new UsageError(`${names[0]} needs SuperNI: name its parent folder with --tasks.`);
  const read = nodeTaskReader(folder);
  return Promise.all(names.map((name) => loadSuperNi(read, name)));
}

/** The settings published for the orders of SuperNI, on all examples. */
const asPublished = (settings: RunSettings): RunSettings => ({
  ...settings,
  method: withValues(methodPreset(settings.method.name), SUPERNI_SETTINGS.method),
  training: {
    ...settings.training,
    ...SUPERNI_SETTINGS.training,
    ...{ trainExamples: 0, testExamples: 0, activations: 'recompute' },
  },
});

/** Whether `--order` lists tasks, rather than name an order or a file. */
const isListOfTasks = (order: string): boolean =>
  order.includes(',') ||
  (order !== 'embedded' && [BENCHMARK_KINDS, SUPERNI_FOLDERS].some((known) => Object.hasOwn(known, order))) ||
  embeddedTask(order) !== null;

/** The tasks of `--task`, and what to check of them, in sentences. */
async function ownTasks(options: readonly string[]): Promise<{ tasks: Task[]; notes: string[] }> {
  const tasks: Task[] = [];
  const notes: string[] = [];
  const files = new Map<string, string>();
  for (const option of options) {
    const { task, warnings, sha256 } = await taskOfOption(
      option,
      tasks.map(({ name }) => name),
    );
    const other = files.get(sha256);
    if (other !== undefined) notes.push(`${task.name} and ${other} are the same file.`);
    files.set(sha256, task.name);
    tasks.push(task);
    notes.push(...warnings.map((warning) => `${task.name}: ${warning}`));
  }
  return { tasks, notes };
}

/** Prompts of other models may be longer than those of the embedded ones. */
const LONG_PROMPT = 512;

function listedSettings(model: string, preset: PresetName, name: MethodName = 'gorp-plus'): RunSettings {
  const settings = embeddedSettings(preset, name, model);
  if (embeddedModel(model)) return settings;
  const training = { ...settings.training, sourceLength: LONG_PROMPT };
  return { ...settings, method: methodPreset(name), training };
}

async function fromFile(
  path: string,
  model: string,
  tasks: string,
  method: MethodName | undefined,
): Promise<ChosenRun> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new GorpError(
      'run/unreadable-file',
      `${JSON.stringify(path)} is neither a published order nor a readable file.`,
      'Name embedded, 1 to 6, llama-1 to llama-3 or the path of an order file.',
      { cause },
    );
  });
  const file = parseOrderFile(text, basename(path));
  const names = [...new Set(file.own.map((spec) => spec.file))];
  // The source files of custom tasks lie beside the order file; makeOrderTasks reports missing ones.
  const read = await Promise.allSettled(
    names.map(async (name) => ({ name, bytes: new Uint8Array(await readFile(join(dirname(path), basename(name)))) })),
  );
  const files = read.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const made = await makeOrderTasks(file, [], files);
  const own = method === undefined || method === file.method.name ? file.method : methodFor(model, method);
  const { order, training, perTask } = file;
  const settings = { model, tasks, order, method: own, training, ...(perTask !== undefined && { perTask }) };
  return { settings, customTasks: made.map(({ task }) => task) };
}

const methodFor = (model: string, name: MethodName): RunSettings['method'] =>
  embeddedModel(model) ? embeddedMethod(name) : methodPreset(name);

/** The settings with `--seed` and every `--set`. @throws UsageError; GorpError `settings/invalid`. */
export function changed(settings: RunSettings, seed: string | undefined, sets: readonly string[]): RunSettings {
  const copy = structuredClone(settings);
  if (seed !== undefined) copy.training.seed = wholeNumber('--seed', seed);
  for (const one of sets) {
    const [, path, text] = /^([\w.-]+)=(.*)$/s.exec(one) ?? [];
    if (path === undefined) throw new UsageError(`--set takes PATH=VALUE, not ${JSON.stringify(one)}.`);
    put(copy, path.split('.'), text);
  }
  return parseSettings(copy);
}

/** Sets the value, JSON or else a word, of an existing path. @throws UsageError when there is no such setting. */
function put(settings: RunSettings, path: readonly string[], text: string): void {
  let at: unknown = settings;
  for (const key of path.slice(0, -1)) at = isRecord(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  const last = path[path.length - 1];
  if (!isRecord(at) || !Object.hasOwn(at, last)) throw new UsageError(`There is no setting ${path.join('.')}.`);
  try {
    at[last] = JSON.parse(text) as unknown;
  } catch {
    at[last] = text;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
