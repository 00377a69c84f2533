import { markdownText } from '../base/markdown.ts';
import { explainedWithCode } from '../base/errors.ts';
import type { Results } from '../run/results/results.ts';
import { type Score, SCORES } from '../tasks/forms.ts';
import type { SavedRound } from '../run/files/saved-round.ts';
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
import { writeFiles, writeResults } from './round-folder.ts';
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
  withGivenText,
} from './run-settings.ts';
import { withFiles } from './resume.ts';
import { Terminal } from './terminal.ts';
import { openTaught } from './taught-model.ts';

export const EVAL_USAGE = `Usage: gorp-web eval [options]

Tests a model on the tasks of an order, without training: as it is or as it was taught.

${SETTINGS_USAGE}
  --round DIR      the model to test: the folder that was --out of a run, that of one of its tasks, or a file of
                   models share; its settings apply, except for --set and the tasks of --order
  --out DIR        gets results.json, predict_results.json and predict_eval_predictions.jsonl
${DEVICE_USAGE}
  --json           events on stdout, one JSON object per line; the last has the results
  --help`;

/** `gorp-web eval`. @returns the exit code. */
export async function evaluate(args: string[]): Promise<number> {
  const options = {
    ...SETTINGS_OPTIONS,
    round: { type: 'string' },
    out: { type: 'string' },
    ...DEVICE_OPTIONS,
  } as const;
  const { values, positionals } = readArguments(args, options);
  noPositionals(positionals);
  const terminal = new Terminal(values.json);
  const saved = values.round === undefined ? undefined : (await openTaught(values.round)).round;
  const { settings, customTasks, notes = [] } = await whatToTest(args, values, saved);
  for (const note of notes) terminal.note(`Warning: ${note}`);
  const prompts = promptsText(settings);
  if (prompts !== null) terminal.note(prompts);
  const { out } = values;
  const free = out === undefined ? null : await claimOut(out);
  const host = {
    ...nodeHost({ customTasks, ...deviceChoices(values) }),
    ...(saved && { savedRound: () => Promise.resolve(saved) }),
    ...(out !== undefined && {
      saveRound: ({ results }: { results: Parameters<typeof writeFiles>[1] }) => writeFiles(out, results),
    }),
  };
  try {
    const { exit, results, error } = await runOnce(host, settings, runReporter(terminal, { before: '' }), 'evaluate');
    if (results) {
      if (out !== undefined) await writeResults(out, results);
      terminal.result(testTable(results));
    }
    if (error) terminal.note(explainedWithCode(error));
    return exit;
  } finally {
    await free?.();
  }
}

const COLUMNS: Readonly<Record<Score, string>> = {
  exact: 'exact %',
  ranked: 'ranked %',
  rougeL: 'ROUGE-L %',
  loss: 'loss per token',
};

/** The scores of every task, as Markdown. */
function testTable({ accuracy, tasks }: Results): string {
  const scores = SCORES.filter((score) => accuracy[score] !== undefined);
  const text = (score: Score, value: number | null | undefined): string =>
    value == null ? '–' : score === 'loss' ? value.toFixed(4) : (100 * value).toFixed(2);
  const lines = tasks.map(({ name }, i) => [
    markdownText(name),
    ...scores.map((score) => text(score, accuracy[score]?.[0]?.[i])),
  ]);
  const rows = [['task', ...scores.map((score) => COLUMNS[score])], ['task', ...scores].map(() => '---'), ...lines];
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** The settings of the command line, or of a round with the tasks of `--order` if given. */
async function whatToTest(
  args: readonly string[],
  values: SettingsValues,
  saved: SavedRound | undefined,
): Promise<ChosenRun> {
  if (saved === undefined) return inStartingForm(await chooseRun(values), values);
  const { settings } = saved.results;
  refuseOptions(args, ['model', 'method'], 'the taught model sets base and method');
  if (!isGiven(args, 'order')) refuseOptions(args, ['tasks', 'preset'], 'without --order, the model sets the tasks');
  if (values.order !== 'embedded') refuseOptions(args, ['preset'], 'the model sets it');
  if (!isGiven(args, 'order')) {
    const known = await withFiles(settings, values);
    return { ...known, settings: changed(known.settings, values.seed, values.set) };
  }
  const { model, method, training } = settings;
  const { settings: chosen, generalText, ...tasks } = await chooseRun({ ...values, model, set: [] });
  const tested = withGivenText({ ...chosen, method, training }, generalText);
  return { ...tasks, settings: changed(tested, values.seed, values.set) };
}
