import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { type SavedRound, checkSettings } from '../run/files/saved-round.ts';
import { CHECKPOINT_FILE, ROUND_FILE } from '../run/files/layout.ts';
import { openCheckpoint, type SavedRun } from '../run/files/saved-run.ts';
import { type Results, ResultsSchema } from '../run/results/results.ts';
import { type RunSettings, watching } from '../run/settings/settings.ts';
import { type Change, commandWith, isGiven } from './arguments.ts';
import { CheckpointFolder, CHECKPOINTS } from './checkpoint-folder.ts';
import { UsageError } from './exit.ts';
import { freeFolder } from './out-folder.ts';
import { openRoundFolder, opensIn, RESULTS_FILE } from './round-folder.ts';
import {
  chooseRun,
  type ChosenRun,
  givenTasks,
  SETTINGS_OPTIONS,
  type SettingsValues,
  watchedTasks,
  withGivenText,
} from './run-settings.ts';

/** Resumes from whatever `--out` has, or begins if it has nothing: for jobs that are restarted. */
export const AUTO = 'auto';

/** The folder from which a run resumes, and its content. */
export type Origin =
  | { readonly path: string; readonly checkpoint: SavedRun }
  | { readonly path: string; readonly round: SavedRound };

/** The results of the run until then. */
export const resultsOf = (origin: Origin): Results =>
  'checkpoint' in origin ? origin.checkpoint.results : origin.round.results;

/** Opens the folder of a checkpoint or of a round. @throws GorpError `run/bad-checkpoint`, `run/bad-round`, `run/unreadable-file`. */
export const openOrigin = async (path: string): Promise<Origin> =>
  existsSync(join(path, CHECKPOINT_FILE))
    ? { path, checkpoint: await openCheckpoint(opensIn(path)) }
    : { path, round: await openRoundFolder(path) };

/**
 * Opens the last checkpoint in the folder of a run, else its last round; null if it has neither.
 *
 * @param warn reports checkpoints that cannot be used.
 * @throws GorpError `run/bad-checkpoint`, `run/bad-round`, `run/unreadable-file`.
 */
export async function openLast(out: string, warn: (message: string) => void): Promise<Origin | null> {
  const checkpoints = new CheckpointFolder(out, 0, warn);
  const found = await checkpoints.find();
  if (found) return found;
  const path = await lastRound(out);
  const isEmpty = await checkpoints.isEmpty();
  if (path === null) {
    if (isEmpty) return null;
    throw new GorpError(
      'run/bad-checkpoint',
      `None of the checkpoints in ${join(out, CHECKPOINTS)} can be used, and no model is saved.`,
      'Restore them from a copy, or delete that folder to begin the run again.',
    );
  }
  const round = await openRoundFolder(path).catch((cause: unknown) => {
    if (!(cause instanceof GorpError)) throw cause;
    const nextStep = 'Restore it from a copy, or move its folder away to resume from the model before it.';
    throw new GorpError(cause.code, `${path}: ${cause.message}`, nextStep, { cause });
  });
  if (!isEmpty) warn(`None of the checkpoints can be used: the run resumes from its last saved model, ${path}.`);
  return { path, round };
}

/**
 * Refuses the folder of a run, which may be meant in two ways, with the command for each.
 *
 * @throws UsageError
 */
export async function refuseRun(
  path: string,
  command: (change: Change) => string,
  teach: (from: string) => string,
): Promise<void> {
  if (existsSync(join(path, ROUND_FILE)) || ((await lastRound(path)) ?? (await resultsIn(path))) === null) return;
  throw new UsageError(
    `${JSON.stringify(path)} is the folder of a run.\nTo teach its model more:\n  ${teach(path)}\nTo continue it, if it was interrupted:\n  ${command({ resume: AUTO, out: path })}`,
  );
}

/** The folder of the last round that a run has saved. */
export async function lastRound(out: string): Promise<string | null> {
  const orders = join(out, 'logs_and_outputs');
  const rounds: { path: string; number: number }[] = [];
  for (const order of await readdir(orders).catch((): string[] => [])) {
    const folder = join(orders, order, 'outputs');
    for (const name of await readdir(folder).catch((): string[] => [])) {
      const number = /^(\d+)-(?!.*\.partial$)/.exec(name)?.[1];
      if (number !== undefined) rounds.push({ path: join(folder, name), number: Number(number) });
    }
  }
  return rounds.sort((a, b) => b.number - a.number).at(0)?.path ?? null;
}

/** The results that a run left at the top of its folder; null if none can be read. */
export async function resultsIn(out: string): Promise<Results | null> {
  const text = await readFile(join(out, RESULTS_FILE), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return v.parse(ResultsSchema, JSON.parse(text));
  } catch {
    return null;
  }
}

/** Options that name the files of tasks, which a saved run does not hold. */
const FILE_OPTIONS: readonly string[] = ['task', 'watch'];

/**
 * A run by its settings, with the tasks that `--task` and `--watch` make of files.
 *
 * @param teach the command that teaches its model the tasks of `--task`, if it can be.
 * @throws UsageError for others.
 */
export async function withFiles(settings: RunSettings, values: SettingsValues, teach?: string): Promise<ChosenRun> {
  const given = await givenTasks(values);
  const { tasks, learned, generalText, notes } = given;
  const more = learned.find(({ name }) => !settings.order.includes(name))?.name;
  if (more !== undefined && teach !== undefined) throw new UsageError(noTask(more, teach));
  const foreign = more ?? given.watch.find((name) => settings.watch?.includes(name) !== true);
  if (foreign !== undefined) throw new UsageError(`The run has no task ${foreign}: give the options of its beginning.`);
  const watch = watchedTasks(settings, values, given);
  return { settings: withGivenText(watching(settings, watch), generalText), customTasks: tasks, notes };
}

/**
 * The settings of a resumed run. Other options may repeat them but not change them, so that a job can be restarted with
 * the command that began it.
 *
 * @param path the folder of the run, if it has finished: other tasks can then be taught to its model.
 * @throws GorpError `run/checkpoint-does-not-fit`, naming the setting that differs.
 */
export async function sameRun(
  args: readonly string[],
  values: SettingsValues,
  results: Results,
  path?: string,
): Promise<ChosenRun> {
  const options = Object.keys(SETTINGS_OPTIONS).filter((option) => isGiven(args, option));
  const hasFilesOnly = options.every((option) => FILE_OPTIONS.includes(option));
  // The form of prompts that the run began with, unless the command line names one.
  const form = `training.promptForm=${results.settings.training.promptForm}`;
  const chosen = await (hasFilesOnly
    ? withFiles(results.settings, values, path && teachCommand(args, path, values))
    : chooseRun({ ...values, set: [form, ...values.set] }));
  const [known, order] = [results.settings.order, chosen.settings.order];
  const more = order.slice(known.length);
  if (path !== undefined && more.length > 0 && known.every((name, i) => name === order[i])) {
    const given = values.order === SETTINGS_OPTIONS.order.default ? { task: values.task.slice(known.length) } : {};
    throw new UsageError(noTask(more[0], teachCommand(args, path, { ...values, ...given })));
  }
  checkSettings({ results }, chosen.settings);
  return chosen;
}

const noTask = (name: string, teach: string): string =>
  `The run has no task ${name}. To teach its model more:\n  ${teach}`;

/** The command that teaches the model in a folder what one that resumes asks for, in a new folder. */
export function teachCommand(
  args: readonly string[],
  from: string,
  { out, task, order }: Pick<SettingsValues, 'task' | 'order'> & { readonly out?: string | undefined },
): string {
  const isNamed = task.length > 0 || order !== SETTINGS_OPTIONS.order.default;
  const sets = { model: null, method: null, preset: null, resume: null };
  const next = out !== undefined && resolve(out) === resolve(from) ? { out: freeFolder(from) } : {};
  return commandWith('train', args, { ...sets, from, task: isNamed ? task : ['FILE'], ...next });
}
