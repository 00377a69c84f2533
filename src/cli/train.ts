import { join } from 'node:path';
import { explainedWithCode, GorpError } from '../base/errors.ts';
import { keptQuestions, keptSentence } from '../run/common-questions-kept.ts';
import type { Speed } from '../run/duration.ts';
import type { Results } from '../run/results.ts';
import type { RunSettings } from '../run/settings.ts';
import { runTable } from '../run/accuracy-table.ts';
import {
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
import { CheckpointFolder } from './checkpoint-folder.ts';
import { EXIT } from './exit-codes.ts';
import { lockOut, refuseTaken } from './out-folder.ts';
import { nodeProvenance, refuseChanged } from './reuse.ts';
import { AUTO, openOrigin, type Origin, resultsIn, resultsOf, sameRun, withFiles } from './resume.ts';
import { RESULTS_FILE, writeResults, writeRound } from './round-folder.ts';
import { runOnce } from './run-once.ts';
import {
  changed,
  chooseRun,
  type ChosenRun,
  SETTINGS_OPTIONS,
  SETTINGS_USAGE,
  type SettingsValues,
  withText,
} from './run-settings.ts';

import { oneLine, spell, Terminal } from './terminal.ts';

export const TRAIN_USAGE = `Usage: gorp-web train [options]

Trains a model on the tasks of an order, one after another, and tests it after each.

${SETTINGS_USAGE}
  --out DIR        gets results.json, and for every round its result files, adapter, changes of full-rank weights
                   and shared spaces, in DIR/logs_and_outputs/order_K/outputs/N-TASK
  --checkpoint MINUTES  saves the run this often in DIR/checkpoints, to resume after a crash (default: 2; 0: never)
  --resume DIR     resumes from the folder of a checkpoint or of a round, with its settings; tasks of files are named
                   again (--task, --watch), since a run does not hold their texts; after a round, --order (and --tasks)
                   may name another order that begins with the same tasks
  --resume auto    resumes from the last checkpoint in --out, else from its last round, else begins: restart with the
                   same command however the run ended
${DEVICE_USAGE}
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
  } as const;
  const { values, positionals } = readArguments(args, options);
  noPositionals(positionals);
  const everySeconds = checkpointSeconds(values.checkpoint);
  const { out, resume } = values;
  if (out === undefined) refuseOptions(args, ['checkpoint'], 'checkpoints are saved in the folder of --out');
  const terminal = new Terminal(values.json);
  const warn = (message: string): void => terminal.note(`Warning: ${message}`);
  const free = out === undefined ? null : await lockOut(out);
  try {
    const checkpoints = out === undefined ? null : new CheckpointFolder(out, everySeconds, warn);
    const before = resume === AUTO && out !== undefined ? await resultsIn(out) : null;
    if (before?.status === 'finished') {
      const { customTasks } = await sameRun(args, values, before);
      const provenance = nodeProvenance({ customTasks, ...deviceChoices(values) });
      const nextStep = 'Restore it to see them again, or name another folder with --out to train again.';
      await refuseChanged(provenance, before, join(out ?? '', RESULTS_FILE), nextStep);
      await checkpoints?.clear();
      terminal.result(resultText(before, out));
      return EXIT.ok;
    }
    const origin = resume === undefined ? null : await openOrigin(resume, out, warn);
    const { settings, customTasks, notes = [] } = await whatToTrain(args, values, origin);
    for (const note of notes) warn(note);
    const { order } = settings;
    if (out !== undefined) await refuseTaken(out, order, origin ? roundOf(origin) : before && gotNowhere(out));
    if (origin && 'round' in origin && resume !== AUTO) await refuseCheckpoint(checkpoints);
    let speed: Speed | undefined;
    const host = {
      ...nodeHost({ customTasks, ...deviceChoices(values), onSpeed: (measured) => (speed = measured) }),
      ...(origin &&
        ('checkpoint' in origin
          ? { savedCheckpoint: () => Promise.resolve(origin.checkpoint) }
          : { savedRound: () => Promise.resolve(origin.round) })),
      ...(out !== undefined && { saveRound: writeRound.bind(null, out, order) }),
      ...(checkpoints && everySeconds > 0 && { checkpoints }),
    };
    const { exit, results, error } = await runOnce(host, settings, runReporter(terminal, { speed: () => speed }));
    if (error) terminal.note(explainedWithCode(error));
    if (results && out !== undefined) await writeResults(out, results);
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
async function refuseCheckpoint(checkpoints: CheckpointFolder | null): Promise<void> {
  const found = await checkpoints?.find();
  if (found === null || found === undefined) return;
  throw new GorpError(
    'run/out-is-taken',
    `${found.path} is the checkpoint of an interrupted run, which this one would replace.`,
    `Resume with --resume ${AUTO}, name another folder with --out, or delete that checkpoint.`,
  );
}

/** A run that ended before its first checkpoint and round left only its results, and may begin again. */
const gotNowhere = (out: string): { path: string; round: number } => ({ path: join(out, RESULTS_FILE), round: 0 });

/** The run of the command line; when resuming, the earlier run, with the order and settings that options change. */
async function whatToTrain(
  args: readonly string[],
  values: SettingsValues & { resume?: string | undefined },
  origin: Origin | null,
): Promise<ChosenRun> {
  if (origin === null) return chooseRun(values);
  if ('checkpoint' in origin || values.resume === AUTO) return sameRun(args, values, resultsOf(origin));
  const { settings } = resultsOf(origin);
  if (!isGiven(args, 'order')) {
    refuseOptions(args, ['model', 'tasks', 'method', 'preset'], 'without --order, the round sets them');
    const known = await withFiles(settings, values);
    return { ...known, settings: changed(known.settings, values.seed, values.set) };
  }
  if (values.order !== 'embedded') refuseOptions(args, ['preset'], 'the round sets it');
  const method = values.method ?? settings.method.name;
  const model = isGiven(args, 'model') ? values.model : settings.model;
  const asked = await chooseRun({ ...values, model, method, set: [] });
  const { settings: chosen, customTasks, notes = [], generalText } = asked;
  // What was watched so far stays so, unless it is learned now or others are named.
  const watch = (chosen.watch ?? settings.watch ?? []).filter((name) => !chosen.order.includes(name));
  const onward: RunSettings = {
    ...chosen,
    ...(watch.length > 0 && { watch }),
    method: settings.method.name === method ? settings.method : chosen.method,
    training: settings.training,
  };
  return { settings: changed(withText(onward, generalText), values.seed, values.set), customTasks, notes };
}

/** What the model still knows, and the questions that it lost, with its answers before and now. */
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
  return `${head} after ${spell(results.seconds)}. Percent; R, then measures:\n\n${runTable(results)}${knownText(results)}${where}`;
}
