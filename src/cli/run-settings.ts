import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { GorpError } from '../base/errors.ts';
import { shareIn } from '../base/units.ts';
import { METHOD_NAMES, type MethodName } from '../methods/registry.ts';
import { makeOrderTasks, parseOrderFile } from '../run/settings/order-file.ts';
import { startingForm } from '../run/planning/count-lengths.ts';
import { embeddedSettings, publishedSettings, watchingByDefault } from '../run/planning/presets.ts';
import { kindOf, startingMethod } from '../run/settings/starting-values.ts';
import { readHubSource } from '../run/tasks/table-work.ts';
import { datasetName, parseHubSource } from '../weights/hub-dataset.ts';
import { seeNear } from './disk-folder.ts';
import { hubAccess, openNamedTexts } from './named-models.ts';
import { parseSettings, type RunSettings, watching, withText } from '../run/settings/settings.ts';
import { isEmbedded } from '../tasks/embedded-tasks.ts';
import { benchmarkOf } from '../tasks/benchmarks.ts';
import { ORDER_IDS, publishedOrder } from '../tasks/orders.ts';
import type { Task } from '../tasks/task.ts';
import { oneOf, wholeNumber } from './arguments.ts';
import { UsageError } from './exit.ts';
import { nodeTokenizerGuard } from './tokenizer-guard.ts';
import { knownTask, TASK_USAGE, taskNamed, taskOfOption } from './task-option.ts';

/** Options that choose model, tasks and method. */
export const SETTINGS_OPTIONS = {
  model: { type: 'string', default: 'embedded' },
  tasks: { type: 'string', default: 'embedded' },
  order: { type: 'string', default: 'embedded' },
  task: { type: 'string', multiple: true, default: [] as string[] },
  watch: { type: 'string', multiple: true, default: [] as string[] },
  method: { type: 'string' },
  seed: { type: 'string' },
  preset: { type: 'string', default: 'full' },
  set: { type: 'string', multiple: true, default: [] as string[] },
} as const;

export const SETTINGS_USAGE = `  --model NAME     embedded (a T5, default), embedded-llama, a folder or GGUF file on disk, org/name[@revision]
                   of the hub, org/name[@revision]:FILE.gguf, or an address
  --tasks NAME     embedded (default), CL_Benchmark or SuperNI on disk or their parent folder, the folder with TRACE's tasks,
                   or an address; org/name, a data set of the hub, is a task as with --task
  --order NAME     embedded (default), ${ORDER_IDS}, tasks by name (gloss,agnews,reviews), or an order
                   file (the page writes them); without it, the tasks of --task in their sequence
${TASK_USAGE}
  --watch NAME     a task by name, or a file as for --task, that is only tested: before training and after every round;
                   repeatable. The embedded models watch "kinds", what they could do before, where it costs less than
                   a tenth of the tests; none leaves it out. "general" is the text by which every run measures what its
                   model still knows: general=FILE takes your own instead, none leaves it out too
  --method NAME    ${METHOD_NAMES.join(', ')};
                   default gorp-plus, or the order file's
  --seed N         seed of samples, example order and initial values; default 1, published orders 42
  --preset NAME    full (default) or quick, for the embedded order
  --set PATH=VALUE any other setting; repeatable: --set training.trainExamples=500
                   (training.epochs, .batchSize, .testExamples, …; method.loraRank, .learningRate, …;
                   training.warmupRatio=3% or .warmupSteps=100; training.validationExamples=50 or 10%;
                   training.loraModules, .fullRankModules: '["model.layers.*.self_attn.q_proj"]')`;

export interface SettingsValues {
  model: string;
  tasks: string;
  order: string;
  task: string[];
  watch: string[];
  method?: string | undefined;
  seed?: string | undefined;
  preset: string;
  set: string[];
}

/** Settings of a run, and the custom tasks that its order file describes. */
export interface ChosenRun {
  settings: RunSettings;
  customTasks: readonly Task[];
  /** Hints what to check of the tasks, in sentences. */
  notes?: readonly string[];
  /** The general text that the command line asks for; undefined if it does not mention one. */
  generalText?: string | undefined;
}

/**
 * The run that a command line describes.
 *
 * @param options `readsTasks`: whether the tasks must be readable.
 * @throws UsageError; GorpError `settings/…`, `tasks/…` if something named cannot be used.
 */
export async function chooseRun(asked: SettingsValues, { readsTasks = true } = {}): Promise<ChosenRun> {
  const values = withDataset(asked);
  const given = await givenTasks(values);
  const learned = given.learned.map(({ name }) => name);
  const sizes = new Map(given.tasks.map(({ name, train, test }) => [name, { train: train.length, test: test.length }]));
  const { settings, customTasks } = await chosenOrder(values, learned, sizes, readsTasks);
  const unused = learned.find((name) => !settings.order.includes(name));
  if (unused !== undefined) throw new UsageError(`--order does not name the task ${unused} of --task.`);
  const watch = watchedTasks(settings, values, given);
  if (values.tasks !== 'embedded' && ![...settings.order, ...watch].some((name) => benchmarkOf(name) !== undefined)) {
    throw new UsageError(
      `--tasks has no effect here: name tasks of its benchmark with --order (${ORDER_IDS}, or a list).`,
    );
  }
  return {
    settings: changed(withGivenText(watching(settings, watch), given.generalText), values.seed, values.set),
    customTasks: [...customTasks, ...given.tasks],
    notes: given.notes,
    generalText: given.generalText,
  };
}

/**
 * Settings of the run with prompts in the form that the page starts with: by the model's chat template, if it has one.
 * Published orders, order files and `--set` have their own form; the embedded models have no template.
 *
 * @throws GorpError as {@link openNamedTexts} and {@link startingForm}.
 */
export async function inStartingForm(chosen: ChosenRun, { order, set }: SettingsValues): Promise<ChosenRun> {
  const { model, training } = chosen.settings;
  const isSet = set.some((one) => one.startsWith('training.promptForm='));
  if (isSet || kindOf(model) === 'embedded' || !(order === 'embedded' || isListOfTasks(order))) return chosen;
  const promptForm = await startingForm(await openNamedTexts(model), nodeTokenizerGuard(model));
  return { ...chosen, settings: { ...chosen.settings, training: { ...training, promptForm } } };
}

/** Says in a line how prompts are written; null where models can have raw prompts only. */
export const promptsText = ({ model, training }: Pick<RunSettings, 'model' | 'training'>): string | null => {
  if (kindOf(model) === 'embedded') return null;
  return training.promptForm === 'chat'
    ? 'Prompts: by the model’s chat template (raw ones with --set training.promptForm=raw)'
    : 'Prompts: raw, not by a chat template';
};

/** `--tasks org/name`, a data set on the hub, is the task of the run. */
export function withDataset<V extends SettingsValues>(values: V): V {
  const { tasks, task } = values;
  const [path] = tasks.split(',');
  if (existsSync(path) || datasetName(path) === null) return values;
  return { ...values, tasks: 'embedded', task: [...task, tasks] };
}

/** The order that a command line names, with its settings. @param learned names of the tasks of `--task`. */
async function chosenOrder(
  { model, tasks, order, preset: named, method: asked }: SettingsValues,
  learned: readonly string[],
  sizes: Parameters<typeof watchingByDefault>[1],
  readsTasks: boolean,
): Promise<Pick<ChosenRun, 'settings' | 'customTasks'>> {
  const method = asked === undefined ? undefined : oneOf('--method', asked, METHOD_NAMES);
  const preset = oneOf('--preset', named, ['full', 'quick']);
  const published = publishedOrder(order);
  const none: readonly Task[] = [];
  if (learned.length > 0 || isListOfTasks(order)) {
    const sequence = order === 'embedded' ? learned : order.split(',').map((name) => taskNamed(name.trim(), learned));
    const twice = sequence.find((name, i) => sequence.indexOf(name) !== i);
    if (twice !== undefined) throw new UsageError(`--order names ${twice} twice.`);
    const listed = watching(
      { ...embeddedSettings(preset, method ?? 'gorp-plus', model), tasks, order: [...sequence] },
      [],
    );
    return { settings: watchingByDefault(listed, sizes), customTasks: none };
  }
  if (order !== 'embedded' && preset !== 'full')
    throw new UsageError(`--preset has no effect here: the order ${order} has settings of its own.`);
  if (published) {
    if (tasks === 'embedded' && readsTasks)
      throw new UsageError(`Order ${order} needs ${published.benchmark}: name its folder with --tasks.`);
    return {
      settings: { model, tasks, ...publishedSettings(published, method ?? 'gorp-plus') },
      customTasks: none,
    };
  }
  if (order !== 'embedded') return fromFile(order, model, tasks, method);
  return { settings: { ...embeddedSettings(preset, method ?? 'gorp-plus', model), model, tasks }, customTasks: none };
}

/** Whether `--order` lists tasks, rather than name an order or a file. */
const isListOfTasks = (order: string): boolean =>
  order.includes(',') || benchmarkOf(order) !== undefined || isEmbedded(order);

/** As a value of `--watch`: no task that comes with the settings. */
const NOTHING = 'none';
/** As a value of `--watch`: the included general text, or with `=` a file in its place. */
const GENERAL = /^general(?:=(.+))?$/s;

/** The tasks that a run watches: those of its settings, unless `--watch none` leaves them out, and those of `--watch`. */
export const watchedTasks = (
  { watch: before = [] }: Pick<RunSettings, 'watch'>,
  { watch }: Pick<SettingsValues, 'watch'>,
  given: Pick<GivenTasks, 'watch'>,
): string[] => [...new Set([...(watch.includes(NOTHING) ? [] : before), ...given.watch])];

/** Settings with the general text that a command line asks for, if it does. */
export const withGivenText = (settings: RunSettings, given: string | undefined): RunSettings =>
  given === undefined ? settings : withText(settings, given);

/** The tasks that `--task` and `--watch` make of files. */
interface GivenTasks {
  readonly tasks: readonly Task[];
  /** Those of `--task`. */
  readonly learned: readonly Task[];
  /** Names of all tasks of `--watch`, whether made of files or not. */
  readonly watch: readonly string[];
  /** The general text of `--watch`, as settings name it; undefined if it is not mentioned. */
  readonly generalText: string | undefined;
  /** Hints what to check of them, in sentences. */
  readonly notes: readonly string[];
}

/** @throws UsageError; GorpError `tasks/…`. */
export async function givenTasks({ task, watch }: Pick<SettingsValues, 'task' | 'watch'>): Promise<GivenTasks> {
  const tasks: Task[] = [];
  const notes: string[] = [];
  const files = new Map<string, string>();
  const make = async (option: string): Promise<Task> => {
    const taken = tasks.map(({ name }) => name);
    const made = await taskOfOption(option, taken);
    const { name } = made.task;
    const other = files.get(made.sha256);
    if (other !== undefined) notes.push(`${name} and ${other} are the same file.`);
    files.set(made.sha256, name);
    tasks.push(made.task);
    notes.push(...made.warnings.map((warning) => `${name}: ${warning}`));
    return made.task;
  };
  for (const option of task) await make(option);
  const learned = tasks.slice();
  const watched: string[] = [];
  let generalText = watch.includes(NOTHING) ? 'none' : undefined;
  for (const option of watch.filter((one) => one !== NOTHING)) {
    const general = GENERAL.exec(option);
    if (general !== null) {
      const [, file] = general;
      generalText = file === undefined ? 'included' : `own:${(await make(file)).name}`;
      continue;
    }
    const name = knownTask(option, []);
    watched.push(name ?? (await make(option)).name);
  }
  return { tasks, learned, watch: watched, generalText, notes };
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
      `Name embedded, ${ORDER_IDS} or the path of an order file. ${seeNear(path)}`,
      { cause },
    );
  });
  const file = parseOrderFile(text, basename(path));
  const names = [...new Set(file.own.map((spec) => spec.file).filter((name) => parseHubSource(name) === null))];
  // The source files of custom tasks lie beside the order file; makeOrderTasks reports missing ones.
  const read = await Promise.allSettled(
    names.map(async (name) => ({ name, bytes: new Uint8Array(await readFile(join(dirname(path), basename(name)))) })),
  );
  const files = read.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const made = await makeOrderTasks(file, [], files, (source) => readHubSource(source, hubAccess()));
  const own = method === undefined || method === file.method.name ? file.method : startingMethod(model, method);
  const { order, watch, training, perTask } = file;
  const settings = {
    model,
    tasks,
    order,
    method: own,
    training,
    ...(watch !== undefined && { watch }),
    ...(perTask !== undefined && { perTask }),
  };
  return { settings, customTasks: made.map(({ task }) => task) };
}

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

/** Sets the value, JSON, a share in percent, or else a word, of an existing path. @throws UsageError when there is no such setting. */
function put(settings: RunSettings, path: readonly string[], text: string): void {
  let at: unknown = settings;
  for (const key of path.slice(0, -1)) at = isRecord(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  const last = path[path.length - 1];
  if (!isRecord(at) || !Object.hasOwn(at, last)) throw noSetting(settings, path);
  try {
    at[last] = JSON.parse(text) as unknown;
  } catch {
    at[last] = shareIn(text) ?? text;
  }
}

/** Says which setting was meant, or which there are. */
function noSetting({ method, training }: RunSettings, path: readonly string[]): UsageError {
  const [group, name] = path.length === 1 ? [undefined, path[0]] : [path[0], path.slice(1).join('.')];
  const namesOf = (values: object): string[] => Object.keys(values).filter((one) => one !== 'name');
  const names = { method: namesOf(method), training: namesOf(training) };
  const own = group === 'method' || group === 'training' ? names[group] : undefined;
  if (own) {
    const what = group === 'method' ? `${method.name} has no setting ${name}` : `There is no setting ${group}.${name}`;
    return new UsageError(`${what}. There are ${own.map((one) => `${group}.${one}`).join(', ')}.`);
  }
  const meant = Object.entries(names).find(([, all]) => all.includes(name))?.[0];
  const hint = meant ? `did you mean ${meant}.${name}?` : 'settings begin with method. or training.';
  return new UsageError(`There is no setting ${path.join('.')}: ${hint}`);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
