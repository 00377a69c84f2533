import { explained, explainedWithCode, reportOf } from '../base/errors.ts';
import { METHOD_NAMES, type MethodName } from '../methods/registry.ts';
import type { RunSettings } from '../run/settings.ts';
import { DEVICE_OPTIONS, DEVICE_USAGE, deviceChoices, oneOf, readArguments, wholeNumber } from './arguments.ts';
import { EXIT, exitCodeOf, UsageError } from './exit-codes.ts';
import { type NodeChoices, nodeHost } from './host.ts';
import { runReporter } from './reporter.ts';
import { runOnce } from './run-once.ts';
import { ELSEWHERE, oneByOne } from './one-by-one.ts';
import { chooseRun, SETTINGS_OPTIONS } from './run-settings.ts';
import { partOf, readShard } from './shard.ts';
import { readRuns, StudyFiles } from './study-files.ts';
import { studyByPlan } from './study-plan.ts';
import { spell, Terminal } from './terminal.ts';

export const STUDY_USAGE = `Usage: gorp-web study [options]
       gorp-web study --plan FILE [--out DIR] [--shard I/N] [--report]
       gorp-web study --merge DIR… --out DIR

Trains an order with several methods and seeds, one run after another. Skips runs that OUT already has
and resumes an unfinished one from its last checkpoint, so an interrupted study can be restarted. A failed run does not
end the study.

  --methods LIST   default seq-lora,gorp,gorp-plus
  --seeds LIST     default 1,2,3
  --out DIR        default build/study; gets runs/METHOD-seedS.json, results.json (all runs) and table.md
  --shard I/N      runs part I of N, from 0 to N − 1; by default as Slurm (SLURM_ARRAY_TASK_ID and _COUNT) or
                   Kubernetes (JOB_COMPLETION_INDEX and JOB_COMPLETION_COUNT) sets it
  --plan FILE      executes a plan (docs/studies/README.md), then writes report.md, report.json and plots/*.svg;
                   the plan sets methods, orders, seeds and settings
  --report         with --plan: reports on existing runs without executing any
  --merge          combines the runs of several folders in OUT
  --model, --tasks, --order, --preset, --set: as for train
${DEVICE_USAGE}
  --json           the runs' events on stdout, one JSON object per line, "run" before those of each, "table" at the end
  --help`;

const OPTIONS = {
  model: SETTINGS_OPTIONS.model,
  tasks: SETTINGS_OPTIONS.tasks,
  order: SETTINGS_OPTIONS.order,
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

/** `gorp-web study`. @returns the exit code: 0, or that of the first run that failed. */
export async function study(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  const terminal = new Terminal(values.json);
  if (values.plan !== undefined) {
    if (positionals.length > 0 || values.merge) throw new UsageError('--plan takes neither folders nor --merge.');
    const { plan, out, report: reportOnly } = values;
    const shard = readShard(values.shard, process.env);
    return studyByPlan({ plan, out, shard, machine: deviceChoices(values), reportOnly }, terminal);
  }
  if (values.report) throw new UsageError('--report needs --plan.');
  const files = new StudyFiles(values.out);
  if (values.merge) {
    if (positionals.length === 0) throw new UsageError('--merge needs the folders to combine.');
    for (const folder of positionals) await takeRuns(folder, files, terminal);
    return conclude(files, terminal);
  }
  if (positionals.length > 0) throw new UsageError(`Unexpected argument ${JSON.stringify(positionals[0])}.`);
  const methods = values.methods.split(',').map((name) => oneOf('--methods', name, METHOD_NAMES));
  const seeds = values.seeds.split(',').map((text) => wholeNumber('--seeds', text));
  const shard = readShard(values.shard, process.env);
  const machine = deviceChoices(values);
  const runs = methods.flatMap((method) => seeds.map((seed): [MethodName, number] => [method, seed]));
  const exit = await oneByOne(partOf(runs, shard), async ([method, seed], isAgain) => {
    const { settings, customTasks } = await chooseRun({ ...values, method, seed: String(seed) });
    const free = await files.claim(settings);
    if (free === null) {
      if (!isAgain) terminal.note(`${method} seed ${seed}: is being made by another process`);
      return ELSEWHERE;
    }
    try {
      if (!(await files.finished(settings)))
        return await oneRun(settings, { customTasks, ...machine }, files, terminal);
      terminal.note(`${method} seed ${seed}: is already in ${values.out}`);
      return EXIT.ok;
    } catch (thrown) {
      // One unreadable file does not prevent the other runs.
      const error = reportOf(thrown);
      if (error.code !== 'run/bad-results') throw thrown;
      terminal.note(`Left out: ${explained(error)}`);
      return exitCodeOf(error.code);
    } finally {
      await free();
    }
  });
  if (exit === EXIT.interrupted) return exit;
  const code = await conclude(files, terminal);
  return exit === EXIT.ok ? code : exit;
}

/** Adds the runs of another study; replaces nothing, and names the runs it leaves out. */
async function takeRuns(folder: string, files: StudyFiles, terminal: Terminal): Promise<void> {
  const { runs, unreadable } = await readRuns(folder);
  for (const error of unreadable) terminal.note(`Left out: ${explained(error)}`);
  for (const results of runs) {
    if (await files.take(results)) continue;
    const { method, training } = results.settings;
    terminal.note(`Left out: ${method.name} seed ${training.seed} of ${folder}; a run with the same settings exists.`);
  }
}

async function oneRun(
  settings: RunSettings,
  machine: NodeChoices,
  files: StudyFiles,
  terminal: Terminal,
): Promise<number> {
  const { method, training } = settings;
  const label = `${method.name} seed ${training.seed}: `;
  terminal.event({ type: 'run', method: method.name, seed: training.seed });
  const saves = await files.goingOn(settings, (message) => terminal.note(`${label}Warning: ${message}`));
  const host = { ...nodeHost(machine), ...saves.host };
  const { exit, results, error } = await runOnce(host, settings, runReporter(terminal, { label }));
  if (error) terminal.note(`${label}${explainedWithCode(error)}`);
  if (exit !== EXIT.ok || results === null) return exit;
  await files.keep(results);
  await saves.clear();
  await files.summarise();
  terminal.note(`${label}${spell(results.seconds)}`);
  return EXIT.ok;
}

async function conclude(files: StudyFiles, terminal: Terminal): Promise<number> {
  const { runs, table, unreadable } = await files.summarise();
  for (const error of unreadable) terminal.note(`Left out: ${explained(error)}`);
  terminal.event({ type: 'table', runs: runs.length, table });
  terminal.result(table);
  return EXIT.ok;
}
