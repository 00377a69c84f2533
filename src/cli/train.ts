import { join } from 'node:path';
import { explainedWithCode, GorpError } from '../base/errors.ts';
import { keptQuestions, keptSentence } from '../run/results/known-before.ts';
import type { Speed } from '../run/planning/duration.ts';
import { ownSeconds, type Results } from '../run/results/results.ts';
import { runTable } from '../run/results/accuracy-table.ts';
import {
  type Change,
  commandWith,
  DEVICE_OPTIONS,
  DEVICE_USAGE,
  checkpointSeconds,
  deviceChoices,
  isGiven,
  noPositionals,
  readArguments,
  refuseOptions,
} from './arguments.ts';
import { nodeHost } from './host.ts';
import { runReporter } from './reporter.ts';
import { LogFolder } from './log-folder.ts';
import { CheckpointFolder } from './checkpoint-folder.ts';
import { EXIT, UsageError } from './exit.ts';
import { lockOut, refuseTaken } from './out-folder.ts';
import { nodeProvenance, refuseChanged } from './reuse.ts';
import {
  AUTO,
  openLast,
  openOrigin,
  type Origin,
  refuseRun,
  resultsIn,
  resultsOf,
  sameRun,
  teachCommand,
  withFiles,
} from './resume.ts';
import { refuseOtherPlugins } from './plugins.ts';
import { RESULTS_FILE, writeResults, writeRound } from './round-folder.ts';
import { runOnce } from './run-once.ts';
import {
  changed,
  chooseRun,
  type ChosenRun,
  inStartingForm,
  promptsText,
  SETTINGS_OPTIONS,
  SETTINGS_USAGE,
  type SettingsValues,
} from './run-settings.ts';

import { describeTaught, openTaught, type OpenTaughtModel, teachingMore } from './taught-model.ts';
import { oneLine, spell, Terminal } from './terminal.ts';
import { checkSettings } from '../run/files/saved-round.ts';

export const TRAIN_USAGE = `Usage: gorp-web train [options]

Trains a model on the tasks of an order, one after another, and tests it after each.

${SETTINGS_USAGE}
  --out DIR        gets results.json, and for every round its result files, adapter, changes of full-rank weights
                   and shared spaces, in DIR/logs_and_outputs/order_K/outputs/N-TASK
  --checkpoint MINUTES  saves the run this often in DIR/checkpoints, to resume after a crash (default: 2; 0: never)
  --from DIR|FILE  teaches more to a model that a run has taught, or a file of models share: the folder that was --out of a run, or that of one of
                   its tasks. Name what to teach with --task or --order. Base, method and settings are the model's; what
                   it knows is tested again with the tests that come with it, and its files are not needed
  --base NAME      the base of that model, if it has moved
  --resume DIR     continues an interrupted run from the folder of a checkpoint or of a task, with its settings; tasks of
                   files are named again (--task, --watch)
  --resume auto    resumes from the last checkpoint in --out, else from its last round, else begins: restart with the
                   same command however the run ended
${DEVICE_USAGE}
  --log DIR        gets what is measured while the run goes on, for other tools: an event file of TensorBoard, log.csv,
                   and at the end trainer_state.json and eval_results.csv
  --json           events of the run on stdout, one JSON object per line; the last has the results
  --help`;

/** `gorp-web train`. @returns the exit code. */
export async function train(args: string[]): Promise<number> {
  const options = {
    ...SETTINGS_OPTIONS,
    out: { type: 'string' },
    checkpoint: { type: 'string', default: '2' },
    ...DEVICE_OPTIONS,
    resume: { type: 'string' },
    from: { type: 'string' },
    base: { type: 'string' },
    log: { type: 'string' },
  } as const;
  const { values, positionals } = readArguments(args, options);
  noPositionals(positionals);
  const everySeconds = checkpointSeconds(values.checkpoint);
  const { out, resume, from } = values;
  const command = (change: Change): string => commandWith('train', args, change);
  const teach = (path: string): string => teachCommand(args, path, values);
  if (from === undefined && values.base !== undefined) {
    throw new UsageError(
      `--base names the base of the model of --from. To train a base model:\n  ${command({ base: null, model: values.base })}`,
    );
  }
  if (from !== undefined && resume !== undefined && resume !== AUTO) {
    throw new UsageError(
      `--from begins a run, and --resume continues one.\nTo begin it:\n  ${command({ resume: null })}\nTo continue it after an interruption:\n  ${command({ resume: AUTO })}`,
    );
  }
  if (out === undefined && resume === AUTO) {
    throw new UsageError(
      `--resume ${AUTO} resumes from what is in --out, and begins if that has nothing: name a folder.\n  ${command({ out: 'run' })}`,
    );
  }
  if (out === undefined) refuseOptions(args, ['checkpoint'], 'checkpoints are saved in the folder of --out');
  const terminal = new Terminal(values.json);
  const warn = (message: string): void => terminal.note(`Warning: ${message}`);
  const free = out === undefined ? null : await lockOut(out);
  try {
    const checkpoints = out === undefined ? null : new CheckpointFolder(out, everySeconds, warn);
    const same = resume === AUTO ? out : undefined;
    const before = same === undefined ? null : await resultsIn(same);
    if (before) refuseOtherPlugins(before);
    if (same !== undefined && before?.status === 'finished') {
      const { customTasks } = await sameRun(args, values, before, same);
      const provenance = nodeProvenance({ customTasks, ...deviceChoices(values) });
      const nextStep = 'Restore it to see them again, or name another folder with --out to train again.';
      await refuseChanged(provenance, before, join(same, RESULTS_FILE), nextStep);
      await checkpoints?.clear();
      terminal.result(resultText(before, same));
      return EXIT.ok;
    }
    const named = resume === AUTO ? undefined : resume;
    if (named !== undefined) await refuseRun(named, command, teach);
    const origin =
      named !== undefined ? await openOrigin(named) : same !== undefined ? await openLast(same, warn) : null;
    if (origin) refuseOtherPlugins(resultsOf(origin));
    const taught = from === undefined ? null : await openTaught(from);
    const { settings, customTasks, notes = [] } = await whatToTrain(args, values, origin, taught);
    if (taught) for (const line of describeTaught(taught).split('\n')) terminal.note(line);
    for (const note of notes) warn(note);
    const prompts = promptsText(settings);
    if (prompts !== null) terminal.note(prompts);
    const { order } = settings;
    if (out !== undefined) await refuseTaken(out, order, origin ? roundOf(origin) : before && gotNowhere(out), command);
    if (origin && 'round' in origin && resume !== AUTO) await refuseCheckpoint(checkpoints, command);
    let speed: Speed | undefined;
    const host = {
      ...nodeHost({ customTasks, ...deviceChoices(values), onSpeed: (measured) => (speed = measured) }),
      ...(origin &&
        ('checkpoint' in origin
          ? { savedCheckpoint: () => Promise.resolve(origin.checkpoint) }
          : { savedRound: () => Promise.resolve(origin.round) })),
      ...(taught && !origin && { savedRound: () => Promise.resolve(taught.round) }),
      ...(out !== undefined && { saveRound: writeRound.bind(null, out, order) }),
      ...(checkpoints && everySeconds > 0 && { checkpoints }),
    };
    const resumed = origin && ('checkpoint' in origin ? origin.checkpoint.results : origin.round.results);
    const log = values.log === undefined ? null : await LogFolder.open(values.log, resumed);
    const report = runReporter(terminal, { speed: () => speed });
    const { exit, results, error } = await runOnce(host, settings, (...heard) => {
      report(...heard);
      log?.add(...heard);
    });
    if (error) terminal.note(explainedWithCode(error));
    if (values.base !== undefined && error && ['run/round-does-not-fit', 'run/unreadable-file'].includes(error.code)) {
      terminal.note('With the base that the model names:');
      terminal.note(`  ${command({ base: null })}`);
    }
    if (results && out !== undefined) await writeResults(out, results);
    await log?.finish();
    if (results?.status === 'finished') await checkpoints?.clear();
    if (results) terminal.result(resultText(results, out));
    return exit;
  } finally {
    await free?.();
  }
}

/** The round that a run resumes from; Infinity after a checkpoint, as the run then saves its rounds again. */
const roundOf = (origin: Origin): { path: string; round: number } => ({
  path: origin.path,
  round: 'checkpoint' in origin ? Infinity : origin.round.round,
});

/** A checkpoint belongs to its run until that run is finished. @throws GorpError `run/out-is-taken`. */
async function refuseCheckpoint(
  checkpoints: CheckpointFolder | null,
  command: (change: Change) => string,
): Promise<void> {
  const found = await checkpoints?.find();
  if (found === null || found === undefined) return;
  throw new GorpError(
    'run/out-is-taken',
    `${found.path} is the checkpoint of an interrupted run, which this one would replace.`,
    `Name another folder with --out, delete that checkpoint, or continue that run:\n  ${command({ resume: AUTO })}`,
  );
}

/** A run that ended before its first checkpoint and round left only its results, and may begin again. */
const gotNowhere = (out: string): { path: string; round: number } => ({ path: join(out, RESULTS_FILE), round: 0 });

/** The run of the command line: a new one, one that teaches a model more, or when resuming the earlier run. */
async function whatToTrain(
  args: readonly string[],
  values: SettingsValues & { resume?: string | undefined; base?: string | undefined },
  origin: Origin | null,
  taught: OpenTaughtModel | null,
): Promise<ChosenRun> {
  if (taught) {
    const chosen = await teachingMore(taught, args, values);
    if (origin) checkSettings({ results: resultsOf(origin) }, chosen.settings);
    return chosen;
  }
  if (origin === null) return inStartingForm(await chooseRun(values), values);
  if ('checkpoint' in origin || values.resume === AUTO) return sameRun(args, values, resultsOf(origin));
  const { settings } = resultsOf(origin);
  if (isGiven(args, 'order')) {
    throw new UsageError(
      `--resume continues a run with its own order. To teach the model more:\n  ${teachCommand(args, origin.path, values)}`,
    );
  }
  refuseOptions(args, ['model', 'tasks', 'method', 'preset'], 'the model sets them');
  const known = await withFiles(settings, values, teachCommand(args, origin.path, values));
  return { ...known, settings: changed(known.settings, values.seed, values.set) };
}

/** Describes what the model still knows, and the questions that it lost, with its answers before and now. */
function knownText(results: Results): string {
  const kept = keptQuestions(results).at(-1);
  if (kept === undefined) return '';
  const lost = kept.lost.map(({ question, before, after }) => `\n  ${question} ${oneLine(before)} → ${oneLine(after)}`);
  return `\n\n${keptSentence(kept)}${lost.length > 0 ? ' Lost:' : ''}${lost.join('')}\n`;
}

function resultText(results: Results, out: string | undefined): string {
  const { status, error } = results;
  const continues = status === 'stopped' || error?.code.startsWith('store/') === true;
  const then = continues ? ` The same command with --resume ${AUTO} continues the run.` : '';
  const where = out === undefined ? '' : `\nFiles are in ${out}.${then}`;
  const head = status === 'finished' ? 'Finished' : `Ended early (${status})`;
  return `${head} after ${spell(ownSeconds(results))}. Percent; R, then measures:\n\n${runTable(results)}${knownText(results)}${where}`;
}
