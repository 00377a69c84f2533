import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ErrorReport, GorpError } from '../base/errors.ts';
import type { Results } from '../run/results.ts';
import { parseStudyPlan, type PlannedRun, type StudyPlan } from '../run/study/plan.ts';
import { apPlot, paretoPlot, sensitivityPlots } from '../run/study/plots.ts';
import { reportText } from '../run/study/report.ts';
import type { MadeRun, StudySummary } from '../run/study/summary.ts';
import { FileLock } from './file-lock.ts';
import { PartFile } from './part-file.ts';
import { named, writeText } from './round-folder.ts';
import { type GoingOn, goingOn } from './study-checkpoints.ts';

/** Whose runs are unfinished: their locks and checkpoints. */
const UNFINISHED = 'unfinished';

/**
 * A study on disk: `OUT/plan.json`, the runs of each part in `OUT/runs/PART.jsonl` ({@link PartFile}), and the reports on
 * them: `report.md`, `report.json`, `plots/*.svg`. `OUT/unfinished` has the locks and checkpoints of runs in progress.
 */
export class StudyFolder {
  readonly #out: string;
  readonly #parts: ReadonlyMap<string, PartFile>;

  private constructor(out: string, parts: ReadonlyMap<string, PartFile>) {
    this.#out = out;
    this.#parts = parts;
  }

  /**
   * The folder of a plan; no other plan may use it.
   *
   * @param warn reports runs that a crash cut off.
   * @throws GorpError `run/other-study`, `run/bad-results`.
   */
  static async open(out: string, plan: StudyPlan, warn: (message: string) => void): Promise<StudyFolder> {
    const path = join(out, 'plan.json');
    if (!existsSync(path)) await writeText(path, `${JSON.stringify(plan, null, 2)}\n`);
    const there = parseStudyPlan(await readFile(path, 'utf8'), path);
    if (JSON.stringify(there) !== JSON.stringify(plan)) {
      throw new GorpError(
        'run/other-study',
        `${out} holds the study “${there.title}” of another plan.`,
        'Name another folder with --out: runs of two plans are not mixed.',
      );
    }
    refuseSingleFiles(out, plan);
    const parts = new Map(plan.parts.map(({ name }) => [name, new PartFile(join(out, 'runs', name), warn)]));
    for (const part of parts.values()) await part.mend();
    return new StudyFolder(out, parts);
  }

  #part({ part }: Pick<PlannedRun, 'part'>): PartFile {
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

  /** Saves a run without its curves, so that hundreds of runs take a few megabytes and fit in a repository. */
  async keep(run: PlannedRun, results: Results): Promise<void> {
    await this.#part(run).add({ run: run.name, results: withoutCurves(results) });
  }

  /** Records that a run failed because of its settings, so that it is not repeated. */
  async keepFailure(run: PlannedRun, error: ErrorReport): Promise<void> {
    await this.#part(run).add({ run: run.name, error });
  }

  /** Packs the parts that have all their runs, if they are large. @param made every planned run. */
  async pack(made: readonly MadeRun[]): Promise<void> {
    for (const [part, file] of this.#parts) {
      const own = made.filter(({ run }) => run.part === part);
      if (own.every(({ outcome }) => outcome !== null)) await file.pack();
    }
  }

  /** Writes tables, plots and JSON. @returns the tables. */
  async writeReport(summary: StudySummary): Promise<string> {
    const text = reportText(summary);
    await writeText(join(this.#out, 'report.md'), text);
    await writeText(join(this.#out, 'report.json'), `${JSON.stringify(summary, null, 1)}\n`);
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
    return text;
  }
}

/** @throws GorpError `run/other-study` for runs in a file each: they would be made again. */
function refuseSingleFiles(out: string, { parts }: StudyPlan): void {
  const folder = parts.map(({ name }) => join(out, 'runs', name)).find((path) => existsSync(path));
  if (folder === undefined) return;
  throw new GorpError(
    'run/other-study',
    `${folder} has each run in a file of its own, as an earlier version wrote them.`,
    'Continue the study with that version, or name another folder with --out.',
  );
}

/** The inputs of tables and plots: the matrix and what the run took. */
const withoutCurves = (results: Results): Results => ({
  ...results,
  curves: { round: [], step: [], loss: [], gradientNorm: [], seconds: [] },
  spaces: [],
  health: [],
});
