import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type ErrorReport, GorpError } from '../../src/base/errors.ts';
import { CheckpointFolder } from '../../src/cli/checkpoint-folder.ts';
import { removeDrafts } from '../../src/cli/durable-write.ts';
import { FileLock } from '../../src/cli/file-lock.ts';
import { named, writeText } from '../../src/cli/round-folder.ts';
import type { RunHost } from '../../src/run/events/host.ts';
import { difference } from '../../src/run/files/saved-round.ts';
import type { Results } from '../../src/run/results/results.ts';
import type { RunSettings } from '../../src/run/settings/settings.ts';
import type { MadeRun } from './made-runs.ts';
import { PartRuns, waitForLock } from './part-runs.ts';
import { joined, parseStudyPlan, type PlannedRun, type StudyPlan } from './plan.ts';
import { apPlot, paretoPlot, sensitivityPlots } from './plots.ts';
import { measurementsCsv, reportText, tablesTex } from './report.ts';
import { checkSources } from './sources.ts';
import type { StudySummary } from './summary.ts';

/** Seconds between two checkpoints of a run of a study, at least. */
const EVERY = 120;

/** Lets a run of a study resume where it was interrupted. */
export interface GoingOn {
  readonly host: Pick<RunHost, 'checkpoints' | 'savedCheckpoint'>;
  /** Removes the checkpoints: the run is finished. */
  readonly clear: () => Promise<void>;
}

/**
 * Saves the checkpoints of a run of a study in a folder of its own, and resumes from the last one with the same
 * settings. The run must not be in progress in another process.
 *
 * @param folder of the run while it is unfinished.
 * @param warn reports checkpoints that cannot be used.
 * @throws GorpError `run/other-study` for a checkpoint of other settings: it is work that only a person may discard.
 */
export async function goingOn(
  folder: string,
  settings: RunSettings,
  warn: (message: string) => void,
): Promise<GoingOn> {
  const checkpoints = new CheckpointFolder(folder, EVERY, warn);
  const clear = (): Promise<void> => rm(folder, { recursive: true, force: true });
  await removeDrafts(folder);
  const last = await checkpoints.last();
  if (last === null) {
    if (!(await checkpoints.isEmpty())) warn('No checkpoint of this run can be used: it begins again.');
    return { host: { checkpoints }, clear };
  }
  const path = difference(last.results.settings, settings);
  if (path === null) return { host: { checkpoints, savedCheckpoint: () => Promise.resolve(last) }, clear };
  throw new GorpError(
    'run/other-study',
    `${folder} has a checkpoint of a run with another value of ${path}.`,
    'Resume that run with its own settings, or delete the folder to begin again.',
  );
}

const PLAN = 'plan.json';
/** The folder of unfinished runs: their locks and checkpoints. */
const UNFINISHED = 'unfinished';

/**
 * A study on disk: `OUT/plan.json`, the runs of each part in `OUT/runs` ({@link PartRuns}), and the reports on
 * them: `report.md`, `report.json`, `plots/*.svg`. `OUT/unfinished` has the locks and checkpoints of runs in progress.
 */
export class StudyFolder {
  readonly #out: string;
  readonly #curves: boolean | undefined;
  readonly #parts: ReadonlyMap<string, PartRuns>;

  private constructor(out: string, { curves, parts }: StudyPlan) {
    this.#out = out;
    this.#curves = curves;
    this.#parts = new Map(parts.map(({ name }) => [name, new PartRuns(join(out, 'runs', name))]));
  }

  /**
   * The folder of a plan; no other plan may use it, except that plans made of methods and seeds can be joined.
   *
   * @param joins whether the plan may add methods and seeds to that of the folder.
   * @throws GorpError `run/other-study`, naming what is different; `run/bad-results`, `store/failed`.
   */
  static async open(out: string, plan: StudyPlan, joins = false): Promise<StudyFolder> {
    const path = join(out, PLAN);
    const lock = await named(path, async () => {
      await mkdir(out, { recursive: true });
      return waitForLock(`${path}.lock`, 'the plan of a study');
    });
    try {
      const there = existsSync(path) ? await StudyFolder.planIn(out) : null;
      const next = there === null ? plan : continued(there, plan, out, joins);
      if (there === null || !isDeepStrictEqual(there, next))
        await writeText(path, `${JSON.stringify(next, null, 2)}\n`);
      return new StudyFolder(out, next);
    } finally {
      await lock.release();
    }
  }

  /** The plan of a study's folder. @throws GorpError `run/unreadable-file`, `run/bad-study-plan`. */
  static async planIn(out: string): Promise<StudyPlan> {
    const path = join(out, PLAN);
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new GorpError('run/unreadable-file', `${out} has no study.`, 'Name the --out of a study.', { cause });
    });
    return parseStudyPlan(text, path);
  }

  /** The plan as it is now: another process may have added methods and seeds. @throws as {@link planIn}. */
  plan(): Promise<StudyPlan> {
    return StudyFolder.planIn(this.#out);
  }

  /**
   * Adds the runs of another folder of the same study.
   *
   * @returns the names of runs that were left out, since this folder has them with other results.
   * @throws GorpError `run/bad-results`, `store/failed`.
   */
  async take(other: StudyFolder): Promise<string[]> {
    const leftOut: string[] = [];
    for (const [part, file] of other.#parts) {
      const own = this.#part({ part });
      for (const line of (await file.runs()).values()) {
        if (await own.add(line)) continue;
        const there = (await own.runs()).get(line.run);
        if (JSON.stringify(there) !== JSON.stringify(line)) leftOut.push(line.run);
      }
    }
    return leftOut;
  }

  #part({ part }: Pick<PlannedRun, 'part'>): PartRuns {
    const file = this.#parts.get(part);
    if (file === undefined) throw new Error(`The plan has no part ${part}.`);
    return file;
  }

  /** Where the lock and the checkpoints of a run are. */
  #unfinished({ part, name }: PlannedRun): string {
    return join(this.#out, UNFINISHED, part, name);
  }

  /** The outcome of a run; null if there is none yet. @throws GorpError `run/…`. */
  async outcomeOf(run: PlannedRun): Promise<MadeRun['outcome']> {
    const line = (await this.#part(run).runs()).get(run.name);
    if (line === undefined) return null;
    if ('error' in line) return { error: line.error };
    if (JSON.stringify(line.results.settings) !== JSON.stringify(run.settings())) {
      throw new GorpError(
        'run/other-study',
        `${this.#out} has the run ${run.name} of ${run.part} with other settings.`,
        'Name another folder with --out, or delete the line of that run to repeat it.',
      );
    }
    return { results: line.results };
  }

  /** As {@link goingOn}. */
  goingOn(run: PlannedRun, warn: (message: string) => void): Promise<GoingOn> {
    return goingOn(this.#unfinished(run), run.settings(), warn);
  }

  /**
   * Claims a run, so that no other process executes it too.
   *
   * @returns a function that releases it; null if another process has claimed it.
   */
  async claim(run: PlannedRun): Promise<(() => Promise<void>) | null> {
    const path = `${this.#unfinished(run)}.lock`;
    const lock = await named(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      return FileLock.take(path, run.label);
    });
    return lock && (() => lock.release());
  }

  /** Saves a run, with all of it or only with what tables and plots need. */
  async save(run: PlannedRun, results: Results): Promise<void> {
    const saved = this.#curves === true ? results : lightened(results, this.#curves === false ? 0 : MOST_STEPS);
    await this.#part(run).add({ run: run.name, results: saved });
  }

  /** Records that a run failed because of its settings, so that it is not repeated. */
  async saveFailure(run: PlannedRun, error: ErrorReport): Promise<void> {
    await this.#part(run).add({ run: run.name, error });
  }

  /** Packs the parts that have all their runs, if they are large. @param made every planned run. */
  async pack(made: readonly MadeRun[]): Promise<void> {
    for (const [part, file] of this.#parts) {
      const own = made.filter(({ run }) => run.part === part);
      if (own.every(({ outcome }) => outcome !== null)) await file.pack();
    }
  }

  /** Writes tables, plots and JSON. @returns the tables in each format. */
  async writeReport(
    summary: StudySummary,
    made: readonly MadeRun[],
  ): Promise<Record<'markdown' | 'latex' | 'csv', string>> {
    const [markdown, latex, csv] = [reportText(summary, made), tablesTex(summary, made), measurementsCsv(made)];
    await writeText(join(this.#out, 'report.md'), markdown);
    await writeText(join(this.#out, 'report.json'), `${JSON.stringify(summary, null, 1)}\n`);
    await writeText(join(this.#out, 'tables.tex'), latex);
    await writeText(join(this.#out, 'measurements.csv'), csv);
    for (const part of summary.parts) {
      const plots: [string, string | null][] = [
        [`${part.name}-pareto`, paretoPlot(part)],
        [`${part.name}-ap`, apPlot(part)],
        ...sensitivityPlots(part).map(({ label, setting, svg }): [string, string] => [
          `${part.name}-${label}-${setting}`,
          svg,
        ]),
      ];
      for (const [name, svg] of plots) if (svg !== null) await writeText(join(this.#out, 'plots', `${name}.svg`), svg);
    }
    return { markdown, latex, csv };
  }
}

/** The plan of a folder that continues by a plan. @throws GorpError `run/other-study`. */
function continued(there: StudyPlan, plan: StudyPlan, out: string, joins: boolean): StudyPlan {
  checkSources(there.sources, plan.sources, out);
  const sources = there.sources ?? plan.sources;
  // What a plan does not say of curves stays as in the folder.
  const curves = plan.curves === undefined && there.curves !== undefined ? { curves: there.curves } : {};
  if (isDeepStrictEqual({ ...there, sources }, { ...plan, ...curves, sources })) return there;
  if (joins && there.claim === undefined && plan.claim === undefined) return joined(there, plan, out);
  throw new GorpError(
    'run/other-study',
    `${out} holds the study “${there.title}” of another plan.`,
    'Name another folder with --out: runs of two plans are not mixed.',
  );
}

/** Curves of so many steps take about 15 KB in a packed part: those of hundreds of runs fit in a repository. */
const MOST_STEPS = 500;

/** The inputs of tables and plots, the matrix and what the run took, with the curves of a run of few steps. */
const lightened = (results: Results, mostSteps: number): Results => ({
  ...results,
  ...(results.curves.step.length > mostSteps && {
    curves: { round: [], step: [], loss: [], gradientNorm: [], seconds: [] },
  }),
  spaces: [],
  health: [],
});
