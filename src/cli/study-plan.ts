import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type ErrorReport, GorpError } from '../base/errors.ts';
import { modulesOfConfig } from '../run/model-modules.ts';
import { parseStudyPlan, type PlannedRun, plannedRuns, type StudyPlan } from '../run/study/plan.ts';
import { collect, summarise } from '../run/study/summary.ts';
import { trainedModules } from '../run/trained-modules.ts';
import { EXIT } from './exit-codes.ts';
import { type NodeChoices, nodeHost } from './host.ts';
import { ELSEWHERE, oneByOne } from './one-by-one.ts';
import { openNamedConfig } from './places.ts';
import { StudyFolder } from './study-folder.ts';
import { runReporter } from './reporter.ts';
import { runOnce } from './run-once.ts';
import { partOf, type Shard } from './shard.ts';
import { spell, type Terminal } from './terminal.ts';

/** Options of a planned study. */
export interface PlanOptions {
  readonly plan: string;
  readonly out: string;
  readonly shard: Shard;
  readonly machine: NodeChoices;
  /** Whether to write only tables and plots of existing runs. */
  readonly reportOnly: boolean;
}

/**
 * Executes the runs of a plan that its folder lacks, part by part, then writes tables, plots and JSON for all runs.
 * Runs whose settings a grid chooses follow once that grid is complete.
 *
 * @returns the exit code: 0, or that of the first run that failed.
 * @throws GorpError `run/unreadable-file`, `run/bad-study-plan`, `run/other-study`, `tasks/unknown-dataset`, and those of
 *   a run whose settings are impossible.
 */
export async function studyByPlan(options: PlanOptions, terminal: Terminal): Promise<number> {
  const text = await readFile(options.plan, 'utf8').catch((cause: unknown) => {
    throw new GorpError('run/unreadable-file', `There is no plan ${options.plan}.`, 'Name the file with --plan.', {
      cause,
    });
  });
  const plan = parseStudyPlan(text, basename(options.plan));
  if (!options.reportOnly) await checkModules(plan); // before the folder belongs to the plan
  const files = await StudyFolder.open(options.out, plan, (message) => terminal.note(`Warning: ${message}`));
  const places = new Map(plan.parts.map(({ name }, i) => [name, i]));
  const tried = new Set<string>();
  let exit: number = EXIT.ok;
  const conclude = async (): Promise<void> => {
    const made = await collect(plan, (run) => files.outcomeOf(run));
    await files.pack(made);
    const summary = summarise(plan, made);
    const table = await files.writeReport(summary);
    terminal.event({ type: 'table', runs: summary.made, table });
    terminal.result(table);
  };
  for (;;) {
    const made = await collect(plan, (run) => files.outcomeOf(run));
    const all = made.map(({ run }) => run).sort((a, b) => (places.get(a.part) ?? 0) - (places.get(b.part) ?? 0));
    const missing = new Set(made.filter(({ outcome }) => outcome === null).map(({ run }) => nameOf(run)));
    const next = partOf(all, options.shard).filter((run) => missing.has(nameOf(run)) && !tried.has(nameOf(run)));
    if (options.reportOnly || next.length === 0) break;
    for (const run of next) tried.add(nameOf(run));
    const code = await oneByOne(next, (run, isAgain) => oneRun(run, files, options.machine, terminal, isAgain));
    if (exit === EXIT.ok || code === EXIT.interrupted) exit = code;
    if (code === EXIT.interrupted) break;
  }
  await conclude();
  return exit;
}

/** Before any run, since a study takes hours. @throws GorpError `settings/modules`, naming the first run that fails. */
async function checkModules(plan: StudyPlan): Promise<void> {
  const model = modulesOfConfig(await openNamedConfig(plan.model));
  for (const run of plan.parts.flatMap((part) => plannedRuns(plan, part, () => ({})))) {
    try {
      trainedModules(run.settings(), model);
    } catch (thrown) {
      throw thrown instanceof GorpError ? ofRun(run, thrown) : thrown;
    }
  }
}

const nameOf = ({ part, name }: PlannedRun): string => `${part}/${name}`;

const ofRun = (run: PlannedRun, { code, message, nextStep }: ErrorReport): GorpError =>
  new GorpError(code, `${nameOf(run)}: ${message}`, nextStep);

/**
 * @param isAgain whether another process had taken it before.
 * @returns the exit code, or {@link ELSEWHERE}.
 * @throws GorpError with a code of `settings/` or `tasks/` if the data do not allow the run's settings or are missing:
 *   then other runs would fail too.
 */
async function oneRun(
  run: PlannedRun,
  files: StudyFolder,
  machine: NodeChoices,
  terminal: Terminal,
  isAgain: boolean,
): Promise<number | typeof ELSEWHERE> {
  const label = `${nameOf(run)}: `;
  const free = await files.claim(run);
  if (free === null) {
    if (!isAgain) terminal.note(`${label}is being made by another process`);
    return ELSEWHERE;
  }
  try {
    if ((await files.outcomeOf(run)) !== null) return EXIT.ok; // executed by another process meanwhile
    terminal.event({ type: 'run', part: run.part, method: run.label, order: run.order + 1, seed: run.seed });
    const saves = await files.goingOn(run, (message) => terminal.note(`${label}Warning: ${message}`));
    const host = { ...nodeHost(machine), ...saves.host };
    const { exit, results, error } = await runOnce(host, run.settings(), runReporter(terminal, { label }));
    if (error) {
      if (/^(settings|tasks)\//.test(error.code)) throw ofRun(run, error);
      terminal.note(`${label}${error.code}: ${error.message} ${error.nextStep}`);
      // It would diverge again: it counts as a run.
      if (error.code === 'run/not-finite') {
        await files.keepFailure(run, error);
        await saves.clear();
      }
    }
    if (exit !== EXIT.ok || results === null) return exit;
    await files.keep(run, results);
    await saves.clear();
    terminal.note(`${label}${spell(results.seconds)}`);
    return EXIT.ok;
  } finally {
    await free();
  }
}
