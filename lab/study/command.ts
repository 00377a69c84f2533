import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { GorpError } from '../../src/base/errors.ts';
import { METHOD_NAMES } from '../../src/methods/registry.ts';
import { parseStudyPlan, planOfMethods, type StudyPlan } from './plan.ts';
import type { Task } from '../../src/tasks/task.ts';
import {
  DEVICE_OPTIONS,
  DEVICE_USAGE,
  deviceChoices,
  oneOf,
  readArguments,
  refuseOptions,
  wholeNumber,
} from '../../src/cli/arguments.ts';
import { EXIT, UsageError } from '../../src/cli/exit.ts';
import { chooseRun, inStartingForm, SETTINGS_OPTIONS } from '../../src/cli/run-settings.ts';
import { difference } from '../../src/run/files/saved-round.ts';
import { readShard } from './shard.ts';
import { StudyFolder } from './folder.ts';
import { conclude, executeStudy, type Format, FORMATS } from './runs.ts';
import { Terminal } from '../../src/cli/terminal.ts';

export const STUDY_USAGE = `Usage: gorp-web study [options]
       gorp-web study --plan FILE [--out DIR] [--shard I/N] [--report]
       gorp-web study --merge DIR… --out DIR

Trains an order with several methods and seeds, one run after another. Skips runs that OUT already has
and resumes an unfinished one from its last checkpoint, so an interrupted study can be restarted. A failed run does not
end the study, but settings that the model does not allow and tasks that cannot be read do.

  --methods LIST   default seq-lora,gorp,gorp-plus
  --orders A B …   several orders, each as for --order of train; they may differ in nothing else
  --seeds LIST     default 1,2,3; 1-5 is a range; further methods and seeds may be added to a study later
  --out DIR        default build/study; gets plan.json, runs/PART/RUN.jsonl, report.md, report.json, the tables as
                   tables.tex (LaTeX, booktabs), every test as a line of measurements.csv, and plots/*.svg
  --shard I/N      runs part I of N, from 0 to N − 1; by default as Slurm (SLURM_ARRAY_TASK_ID and _COUNT) or
                   Kubernetes (JOB_COMPLETION_INDEX and JOB_COMPLETION_COUNT) sets it
  --plan FILE      executes a plan (docs/studies/README.md), which sets methods, orders, seeds and settings
  --format NAME    what is printed at the end: markdown (default), latex or csv, every test as a line; all three are
                   written to OUT
  --report         with --plan: reports on existing runs without executing any
  --merge          combines the runs of several folders in OUT, if they are of one study
  --model, --tasks, --order, --task, --watch, --preset, --set: as for train
${DEVICE_USAGE}
  --json           the runs' events on stdout, one JSON object per line, "run" before those of each, "table" at the end
  --help`;

const OPTIONS = {
  model: SETTINGS_OPTIONS.model,
  tasks: SETTINGS_OPTIONS.tasks,
  order: SETTINGS_OPTIONS.order,
  orders: { type: 'string' },
  format: { type: 'string', default: 'markdown' },
  task: SETTINGS_OPTIONS.task,
  watch: SETTINGS_OPTIONS.watch,
  preset: SETTINGS_OPTIONS.preset,
  set: SETTINGS_OPTIONS.set,
  methods: { type: 'string', default: 'seq-lora,gorp,gorp-plus' },
  seeds: { type: 'string', default: '1,2,3' },
  out: { type: 'string', default: 'build/study' },
  shard: { type: 'string' },
  merge: { type: 'boolean', default: false },
  plan: { type: 'string' },
  report: { type: 'boolean', default: false },
  ...DEVICE_OPTIONS,
} as const;
type OptionValues = ReturnType<typeof readArguments<typeof OPTIONS>>['values'];

/** Options that describe a study in place of a plan. */
const OF_NO_PLAN = ['model', 'tasks', 'order', 'orders', 'task', 'watch', 'preset', 'set', 'methods', 'seeds'] as const;

/** `gorp-web study`. @returns the exit code: 0, or that of the first run that failed. */
export async function study(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  const { out } = values;
  const format = oneOf('--format', values.format, FORMATS);
  const terminal = new Terminal(values.json);
  const warn = (message: string): void => terminal.note(`Warning: ${message}`);
  if (values.plan !== undefined && (positionals.length > 0 || values.merge))
    throw new UsageError('--plan takes neither folders nor --merge.');
  if (values.plan !== undefined) refuseOptions(args, OF_NO_PLAN, 'the plan sets it');
  if (values.merge)
    refuseOptions(args, [...OF_NO_PLAN, 'shard', ...Object.keys(DEVICE_OPTIONS)], '--merge makes no runs');
  if (values.report) {
    if (values.plan === undefined) throw new UsageError('--report needs --plan.');
    refuseOptions(args, ['shard', ...Object.keys(DEVICE_OPTIONS)], '--report makes no runs');
  }
  if (values.merge) {
    if (positionals.length === 0) throw new UsageError('--merge needs the folders to combine.');
    return mergeStudies(positionals, out, format, terminal);
  }
  // Orders follow --orders one after another.
  if (positionals.length > 0 && values.orders === undefined)
    throw new UsageError(`Unexpected argument ${JSON.stringify(positionals[0])}.`);
  const shard = readShard(values.shard, process.env);
  const machine = deviceChoices(values);
  if (values.plan === undefined) {
    const { plan, customTasks, notes } = await planOf(values, positionals);
    for (const note of notes) warn(note);
    return executeStudy({ plan, out, shard, machine: { ...machine, customTasks }, joins: true, format }, terminal);
  }
  const plan = await readPlan(values.plan);
  if (!values.report) return executeStudy({ plan, out, shard, machine, joins: false, format }, terminal);
  await conclude(await StudyFolder.open(out, plan), format, terminal);
  return EXIT.ok;
}

/** The plan that `--methods`, `--orders` and `--seeds` describe. @param moreOrders those after the first. */
async function planOf(
  values: OptionValues,
  moreOrders: readonly string[],
): Promise<{ plan: StudyPlan; customTasks: readonly Task[]; notes: readonly string[] }> {
  const methods = [...new Set(values.methods.split(','))].map((name) => oneOf('--methods', name, METHOD_NAMES));
  const seeds = [...new Set(values.seeds.split(',').flatMap(seedsIn))];
  const watch = [...values.watch, 'none']; // only what is asked for, so that studies stay comparable
  const chosenFor = async (order: string) => {
    const all = [];
    for (const method of methods) {
      const given = { ...values, order, watch, method };
      all.push(await inStartingForm(await chooseRun(given), given));
    }
    return all;
  };
  if (values.orders !== undefined && values.order !== OPTIONS.order.default)
    throw new UsageError('--orders takes the place of --order.');
  const chosen = await chosenFor(values.orders ?? values.order);
  const [{ customTasks, notes = [] }] = chosen;
  const settings = chosen.map((one) => one.settings);
  const orders = [settings[0].order];
  for (const name of moreOrders) {
    const others = (await chosenFor(name)).map((one) => one.settings);
    const path = others.map((one, i) => difference({ ...one, order: settings[i].order }, settings[i])).find(Boolean);
    if (path) {
      throw new UsageError(
        `The orders ${values.orders} and ${name} differ in ${path}: they have settings of their own. Write a plan with a part for each (docs/studies/README.md).`,
      );
    }
    orders.push(others[0].order);
  }
  const twice = orders.find((order, i) => orders.findIndex((one) => one.join() === order.join()) < i);
  if (twice !== undefined) throw new UsageError(`--orders names ${twice.join(',')} twice.`);
  return { plan: planOfMethods(settings, seeds, orders), customTasks, notes };
}

/** Most seeds that a range may name. */
const MOST_SEEDS = 1000;

/** A seed, or those of a range such as `1-5`. @throws UsageError. */
function seedsIn(text: string): number[] {
  const range = /^(\d+)-(\d+)$/.exec(text);
  if (range === null) return [wholeNumber('--seeds', text)];
  const [first, last] = range.slice(1).map((end) => wholeNumber('--seeds', end));
  if (last < first || last - first >= MOST_SEEDS) {
    throw new UsageError(`--seeds takes a range of up to ${MOST_SEEDS} seeds from low to high, not ${text}.`);
  }
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** @throws GorpError `run/unreadable-file`, and as {@link parseStudyPlan}. */
async function readPlan(path: string): Promise<StudyPlan> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new GorpError('run/unreadable-file', `There is no plan ${path}.`, 'Name the file with --plan.', { cause });
  });
  return parseStudyPlan(text, basename(path));
}

/** Adds the runs of other folders; replaces nothing, and names the runs it leaves out. */
async function mergeStudies(
  folders: readonly string[],
  out: string,
  format: Format,
  terminal: Terminal,
): Promise<number> {
  let merged: StudyFolder | null = null;
  for (const folder of folders) {
    const plan = await StudyFolder.planIn(folder);
    merged = await StudyFolder.open(out, plan, true);
    if (resolve(folder) === resolve(out)) continue;
    for (const name of await merged.take(await StudyFolder.open(folder, plan)))
      terminal.note(`Left out: ${name} of ${folder}; ${out} has another run with the same settings.`);
  }
  if (merged !== null) await conclude(merged, format, terminal);
  return EXIT.ok;
}
