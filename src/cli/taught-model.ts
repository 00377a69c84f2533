import { existsSync, openAsBlob, statSync } from 'node:fs';
import { join } from 'node:path';
import { GorpError } from '../base/errors.ts';
import { METHOD_NAMES, methodTitle } from '../methods/registry.ts';
import { familyOf, positionsOf } from '../models/families.ts';
import type { Score } from '../tasks/forms.ts';
import { freeName } from '../tasks/likely-spec.ts';
import { ROUND_FILE } from '../run/files/layout.ts';
import { summaryOfModel, type TaughtLesson } from '../run/files/model-line.ts';
import { openSavedRound, type SavedRound } from '../run/files/saved-round.ts';
import type { OpenFile } from '../run/files/saved-run.ts';
import { openArchive } from '../run/files/shared-model.ts';
import { doesNotFit } from '../run/results/identity.ts';
import { promptLengthNext, startingMethod } from '../run/settings/starting-values.ts';
import { type RunSettings, watching } from '../run/settings/settings.ts';
import { teachingFault } from '../run/settings/teaching.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { type Change, commandWith, isGiven, oneOf } from './arguments.ts';
import { UsageError } from './exit.ts';
import { seeNear } from './disk-folder.ts';
import { lastRound } from './resume.ts';
import { openNamedOutline } from './named-models.ts';
import { openRoundFolder, opensIn } from './round-folder.ts';
import {
  changed,
  type ChosenRun,
  givenTasks,
  type SettingsValues,
  watchedTasks,
  withDataset,
  withGivenText,
} from './run-settings.ts';
import { renamed, taskNamed } from './task-option.ts';

/** A model that a run has taught, and where it is. */
export interface OpenTaughtModel {
  readonly path: string;
  readonly round: SavedRound;
  readonly open: OpenFile;
}

/**
 * Opens the model that a run has taught, by the run's folder or that of one of its tasks, or by a file in which somebody
 * shared it.
 *
 * @throws GorpError `run/bad-round` if there is none, and as {@link openRoundFolder} and {@link openArchive}.
 */
export async function openTaught(path: string): Promise<OpenTaughtModel> {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) {
    const open = await openArchive(await openAsBlob(path)).catch((cause: unknown) => {
      if (!(cause instanceof GorpError)) throw cause;
      throw new GorpError(cause.code, `${path}: ${cause.message}`, cause.nextStep, { cause });
    });
    const round = await openSavedRound(open);
    await round.state.check();
    return { path, round, open };
  }
  const folder = existsSync(join(path, ROUND_FILE)) ? path : await lastRound(path);
  if (folder !== null) return { path: folder, round: await openRoundFolder(folder), open: opensIn(folder) };
  throw new GorpError(
    'run/bad-round',
    `${JSON.stringify(path)} holds no model that a run has taught.`,
    `Name the folder that was --out of a run, that of one of its tasks, such as run/logs_and_outputs/order_custom/outputs/1-mails, or a file that models share wrote. ${seeNear(path)}`,
  );
}

/** Returns the lessons of a model, in order. */
export const taughtLessons = ({ round: { round, results, state } }: OpenTaughtModel): readonly TaughtLesson[] =>
  summaryOfModel({ round, results, lessons: state.lessons }).lessons;

/**
 * The run that teaches a model more: the tasks of `--task` and `--order` come after those that it knows. Base model,
 * method and settings are the model's, where options do not change them.
 *
 * @throws UsageError; GorpError `tasks/name-taken`, `tasks/…`, `run/round-does-not-fit`, and as {@link openNamedOutline}.
 */
export async function teachingMore(
  model: OpenTaughtModel,
  args: readonly string[],
  asked: SettingsValues & { readonly base?: string | undefined },
): Promise<ChosenRun> {
  const values = withDataset(asked);
  const namesDataset = values.tasks !== asked.tasks;
  const command = (change: Change): string =>
    `\n  ${commandWith('train', args, { ...(namesDataset && { tasks: null, task: values.task }), ...change })}`;
  if (isGiven(args, 'preset'))
    throw new UsageError(
      `The model that is taught more brings its settings: leave --preset out.${command({ preset: null })}`,
    );
  if (isGiven(args, 'model')) {
    const moved = command({ model: null, base: values.model });
    throw new UsageError(
      `--from names the model: leave --model out.${command({ model: null })}\nIf its base has moved:${moved}`,
    );
  }
  const { settings } = model.round.results;
  const known = taughtLessons(model).map(({ name }) => name);
  const given = await givenTasks(values);
  const { tasks: customTasks, learned, generalText, notes } = given;
  const own = learned.map(({ name }) => name);
  const names = isGiven(args, 'order') ? values.order.split(',').map((name) => taskNamed(name.trim(), own)) : own;
  if (names.length === 0) {
    throw new UsageError(
      `Name what to teach, with --task or --order. The model knows ${known.join(', ')}.${command({ task: 'FILE' })}`,
    );
  }
  const unused = own.find((name) => !names.includes(name));
  if (unused !== undefined) {
    const all = [...names, ...own.filter((name) => !names.includes(name))].join(',');
    throw new UsageError(
      `--order does not name the task ${unused} of --task. To teach it too:${command({ order: all })}`,
    );
  }
  const again = names.find((name) => known.includes(name));
  if (again !== undefined) {
    const free = freeName(again, [...known, ...names]);
    const task = values.task.map((option, i) => (own[i] === again ? renamed(option, free) : option));
    const order = isGiven(args, 'order') && { order: names.map((name) => (name === again ? free : name)).join() };
    throw new GorpError(
      'tasks/name-taken',
      `The model was taught a task ${again} already.`,
      own.includes(again)
        ? `Give the new one a name of its own:${command({ task, ...order })}`
        : `Leave it out, and name something else:${command({ task: [...values.task, 'FILE'], order: null })}`,
    );
  }
  const base = values.base ?? settings.model;
  const reference = parseModelReference(base);
  if (reference?.kind === 'picked') {
    throw new GorpError(
      'run/no-base-model',
      `The model was taught on ${reference.name}, a folder or file on the machine of whoever shared it.`,
      `Get the same base model, and name its folder or file:${command({ base: 'PATH' })}`,
    );
  }
  const method = values.method === undefined ? settings.method.name : oneOf('--method', values.method, METHOD_NAMES);
  const watch = watchedTasks(settings, values, given).filter((name) => !names.includes(name));
  const more: RunSettings = {
    ...settings,
    training: { ...settings.training, sourceLength: await promptLength(settings, base) },
    model: base,
    tasks: isGiven(args, 'tasks') && !namesDataset ? values.tasks : settings.tasks,
    order: [...known, ...names],
    method: method === settings.method.name ? settings.method : startingMethod(base, method),
  };
  const run = changed(withGivenText(watching(more, watch), generalText), values.seed, values.set);
  const fault = teachingFault(settings, known.length, run);
  if (fault !== null) {
    const set = values.set.filter((one) => !one.startsWith('method.'));
    const isOfMethod = teachingFault(settings, known.length, { ...run, method: settings.method }) === null;
    const anew = command({ from: null, base: null, model: base, method: null, set });
    const nextStep = isOfMethod
      ? `Leave the method as it was:${command({ method: null, set })}`
      : `${fault.nextStep}\nTo teach the base model only what is new:${anew}`;
    throw doesNotFit('round', fault.problem, nextStep);
  }
  return { settings: run, customTasks, notes };
}

/** The prompt length of {@link promptLengthNext}, or as much of it as the base model can read before an answer. */
async function promptLength(settings: RunSettings, base: string): Promise<number> {
  const { sourceLength, targetLength } = settings.training;
  const next = promptLengthNext(settings);
  if (next === sourceLength) return next;
  const { config } = await openNamedOutline(base);
  const positions = positionsOf(familyOf(config).read(config).config);
  return positions === null ? next : Math.max(sourceLength, Math.min(next, positions - targetLength));
}

/** Describes a model in lines: its base, its method, and each task with its score then and now. */
export function describeTaught(model: OpenTaughtModel): string {
  const { settings } = model.round.results;
  const lines = taughtLessons(model).map(({ name, taughtAt, then, now, score, tests }, i) => {
    const own = tests === 0 ? '' : `, ${tests} tests come with it`;
    return `${i + 1}. ${name}, taught ${taughtAt.slice(0, 10)}: ${scored(then, score)} then, ${scored(now, score)} now${own}`;
  });
  const base = parseModelReference(settings.model);
  // A file that was shared names a base on the other machine without its path.
  const named = base?.kind === 'picked' ? `${base.name} of whoever shared it; name yours with --base` : settings.model;
  return [`Base model: ${named}`, `Method: ${methodTitle(settings.method)}`, ...lines].join('\n');
}

const scored = (score: number | null, kind: Score): string =>
  score === null ? 'not tested' : kind === 'loss' ? `loss ${score.toFixed(2)}` : `${(100 * score).toFixed(1)} %`;
