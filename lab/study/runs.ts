import { type ErrorReport, GorpError } from '../../src/base/errors.ts';
import { modulesOfConfig } from '../../src/run/models/open-network.ts';
import { type PlannedRun, plannedRuns, type StudyPlan } from './plan.ts';
import { collect } from './made-runs.ts';
import { summarise } from './summary.ts';
import { trainedModules } from '../../src/run/settings/trained-modules.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { type NodeChoices, nodeHost } from '../../src/cli/host.ts';
import { openNamedOutline } from '../../src/cli/named-models.ts';
import { runReporter } from '../../src/cli/reporter.ts';
import { runOnce } from '../../src/cli/run-once.ts';
import { ELSEWHERE, oneByOne, partOf, type Shard } from './shard.ts';
import { StudyFolder } from './folder.ts';
import { checkSources, sourcesOf } from './sources.ts';
import { spell, type Terminal } from '../../src/cli/terminal.ts';

/** The formats in which a study prints its end. */
export const FORMATS = ['markdown', 'latex', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** A study to carry out. */
export interface StudyOptions {
  readonly plan: StudyPlan;
  readonly out: string;
  readonly shard: Shard;
  readonly machine: NodeChoices;
  /** Whether the plan may add methods and seeds to that of the folder. */
  readonly joins: boolean;
  readonly format: Format;
}

/**
 * Executes the runs of a plan that its folder lacks, part by part, then writes tables, plots and JSON for all runs.
 * Runs whose settings a grid chooses follow once that grid is complete.
 *
 * @returns the exit code: 0, or that of the first run that failed.
 * @throws GorpError `run/other-study` if the folder, the model or a task is not that of the plan, `run/bad-results`, and
 *   what opening the model and the tasks throws.
 */
export async function executeStudy(options: StudyOptions, terminal: Terminal): Promise<number> {
  const { out, machine, joins } = options;
  // All this before the folder belongs to the plan.
  await checkModules(options.plan);
  const sources = await sourcesOf(options.plan, machine.customTasks ?? []);
  checkSources(options.plan.sources, sources, 'the plan');
  const plan = { ...options.plan, sources };
  const folder = await StudyFolder.open(out, plan, joins);
  const places = new Map(plan.parts.map(({ name }, i) => [name, i]));
  const tried = new Set<string>();
  let exit: number = EXIT.ok;
  for (;;) {
    const made = await collect(plan, (run) => folder.outcomeOf(run));
    const all = made.map(({ run }) => run).sort((a, b) => (places.get(a.part) ?? 0) - (places.get(b.part) ?? 0));
    const missing = new Set(made.filter(({ outcome }) => outcome === null).map(({ run }) => nameOf(run)));
    const next = partOf(all, options.shard).filter((run) => missing.has(nameOf(run)) && !tried.has(nameOf(run)));
    if (next.length === 0) break;
    for (const run of next) tried.add(nameOf(run));
    const code = await oneByOne(next, (run, isAgain) => oneRun(run, folder, machine, terminal, isAgain));
    if (exit === EXIT.ok || code === EXIT.interrupted) exit = code;
    if (code === EXIT.interrupted) break;
  }
  await conclude(folder, options.format, terminal);
  return exit;
}

/** Writes tables, plots and JSON for all runs of a study, and packs its complete parts. @throws GorpError `run/…`. */
export async function conclude(folder: StudyFolder, format: Format, terminal: Terminal): Promise<void> {
  const plan = await folder.plan();
  const made = await collect(plan, (run) => folder.outcomeOf(run));
  await folder.pack(made);
  const summary = summarise(plan, made);
  const { [format]: table } = await folder.writeReport(summary, made);
  terminal.event({ type: 'table', runs: summary.made, table });
  terminal.result(table);
}

/** Before any run, since a study takes hours. @throws GorpError `settings/modules`, naming the first run that fails. */
async function checkModules(plan: StudyPlan): Promise<void> {
  const model = modulesOfConfig((await openNamedOutline(plan.model)).config);
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
  folder: StudyFolder,
  machine: NodeChoices,
  terminal: Terminal,
  isAgain: boolean,
): Promise<number | typeof ELSEWHERE> {
  const label = `${nameOf(run)}: `;
  const free = await folder.claim(run);
  if (free === null) {
    if (!isAgain) terminal.note(`${label}is being made by another process`);
    return ELSEWHERE;
  }
  try {
    if ((await folder.outcomeOf(run)) !== null) return EXIT.ok; // executed by another process meanwhile
    terminal.event({ type: 'run', part: run.part, method: run.label, order: run.order + 1, seed: run.seed });
    const saves = await folder.goingOn(run, (message) => terminal.note(`${label}Warning: ${message}`));
    const host = { ...nodeHost(machine), ...saves.host };
    const { exit, results, error } = await runOnce(host, run.settings(), runReporter(terminal, { label }));
    if (error) {
      if (/^(settings|tasks)\//.test(error.code)) throw ofRun(run, error);
      terminal.note(`${label}${error.code}: ${error.message} ${error.nextStep}`);
      // It would diverge again: it counts as a run.
      if (error.code === 'run/not-finite') {
        await folder.saveFailure(run, error);
        await saves.clear();
      }
    }
    if (exit !== EXIT.ok || results === null) return exit;
    await folder.save(run, results);
    await saves.clear();
    terminal.note(`${label}${spell(results.seconds)}`);
    return EXIT.ok;
  } finally {
    await free();
  }
}
