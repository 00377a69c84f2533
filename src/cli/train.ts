import { explainedWithCode } from '../base/errors.ts';
import type { SavedRound } from '../run/outputs/saved-round.ts';
import type { Speed } from '../run/duration.ts';
import type { Results } from '../run/results.ts';
import type { RunSettings } from '../run/settings.ts';
import {
  DEVICE_OPTIONS,
  DEVICE_USAGE,
  deviceChoices,
  isGiven,
  noPositionals,
  readArguments,
  refuseOptions,
} from './arguments.ts';
import { nodeHost } from './host.ts';
import { runReporter } from './reporter.ts';
import { claimOut } from './out-folder.ts';
import { openRoundFolder, writeResults, writeRound } from './round-folder.ts';
import { runOnce } from './run-once.ts';
import {
  changed,
  chooseRun,
  type ChosenRun,
  SETTINGS_OPTIONS,
  SETTINGS_USAGE,
  type SettingsValues,
} from './run-settings.ts';
import { studyTable } from './study-table.ts';
import { spell, Terminal } from './terminal.ts';

export const TRAIN_USAGE = `Usage: gorp-web train [options]

Trains a model on the tasks of an order, one after another, and tests it after each.

${SETTINGS_USAGE}
  --out DIR        keeps results.json, and for every round its result files, adapter, changes of full-rank weights
                   and shared spaces, as DIR/logs_and_outputs/order_K/outputs/N-TASK
  --resume DIR     resumes from the folder of a round, with its settings; with --order (and --tasks) from there into
                   another order that begins with the same tasks
${DEVICE_USAGE}
  --json           events of the run on stdout, one JSON object a line; the last has the results
  --help`;

/** `gorp-web train`. @returns the exit code. */
export async function train(args: string[]): Promise<number> {
  const options = {
    ...SETTINGS_OPTIONS,
    out: { type: 'string' },
    ...DEVICE_OPTIONS,
    resume: { type: 'string' },
  } as const;
  const { values, positionals } = readArguments(args, options);
  noPositionals(positionals);
  const terminal = new Terminal(values.json);
  const saved = values.resume === undefined ? undefined : await openRoundFolder(values.resume);
  const { settings, customTasks } = await whatToTrain(args, values, saved);
  const { out } = values;
  const { order } = settings;
  const resumed = saved && { path: values.resume ?? '', round: saved.round };
  const free = out === undefined ? null : await claimOut(out, { order, resumed });
  let speed: Speed | undefined;
  const host = {
    ...nodeHost({ customTasks, ...deviceChoices(values), onSpeed: (measured) => (speed = measured) }),
    ...(saved && { savedRound: () => Promise.resolve(saved) }),
    ...(out !== undefined && { saveRound: writeRound.bind(null, out, order) }),
  };
  try {
    const { exit, results, error } = await runOnce(host, settings, runReporter(terminal, { speed: () => speed }));
    if (results && out !== undefined) await writeResults(out, results);
    if (results) terminal.result(resultText(results, out));
    if (error) terminal.note(explainedWithCode(error));
    return exit;
  } finally {
    await free?.();
  }
}

/** The run of the command line; on from a round it is that round's run, with what `--order` and others name beside it. */
async function whatToTrain(
  args: readonly string[],
  values: SettingsValues,
  saved: SavedRound | undefined,
): Promise<ChosenRun> {
  if (saved === undefined) return chooseRun(values);
  const { settings } = saved.results;
  if (!isGiven(args, 'order')) {
    refuseOptions(args, ['model', 'tasks', 'method', 'preset'], 'they are those of the round without --order');
    return { settings: changed(settings, values.seed, values.set), customTasks: [] };
  }
  const method = values.method ?? settings.method.name;
  const { settings: chosen, customTasks } = await chooseRun({ ...values, method, set: [] });
  const onward: RunSettings = {
    ...chosen,
    model: isGiven(args, 'model') ? chosen.model : settings.model,
    method: settings.method.name === method ? settings.method : chosen.method,
    training: settings.training,
  };
  return { settings: changed(onward, values.seed, values.set), customTasks };
}

function resultText(results: Results, out: string | undefined): string {
  const where = out === undefined ? '' : `\nFiles are in ${out}.`;
  const head = results.status === 'finished' ? 'Finished' : `Ended early (${results.status})`;
  return `${head} after ${spell(results.seconds)}. Percent; R, then measures:\n\n${studyTable([results])}${where}`;
}
