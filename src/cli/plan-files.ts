import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { type ErrorReport, GorpError } from '../base/errors.ts';
import type { Results } from '../run/results.ts';
import { parseStudyPlan, type PlannedRun, type StudyPlan } from '../run/study/plan.ts';
import { apPlot, paretoPlot, sensitivityPlots } from '../run/study/plots.ts';
import { reportText } from '../run/study/report.ts';
import type { MadeRun, StudySummary } from '../run/study/summary.ts';
import { writeText } from './round-folder.ts';
import { RunFile } from './run-file.ts';
import type { GoingOn } from './study-checkpoints.ts';

const FailureSchema = v.strictObject({
  code: v.custom<ErrorReport['code']>((code) => typeof code === 'string' && code.includes('/')),
  message: v.string(),
  nextStep: v.string(),
});

/**
 * A planned study on disk: `OUT/plan.json`, `OUT/runs/PART/….json` for each run, and the reports on them: `report.md`,
 * `report.json`, `plots/*.svg`.
 */
export class PlanFiles {
  readonly #out: string;

  private constructor(out: string) {
    this.#out = out;
  }

  /** The folder of a plan; no other plan may use it. @throws GorpError `run/other-study`. */
  static async open(out: string, plan: StudyPlan): Promise<PlanFiles> {
    const path = join(out, 'plan.json');
    if (!existsSync(path)) await writeText(path, `${JSON.stringify(plan, null, 2)}\n`);
    const there = parseStudyPlan(await readFile(path, 'utf8'), path);
    if (JSON.stringify(there) === JSON.stringify(plan)) return new PlanFiles(out);
    throw new GorpError(
      'run/other-study',
      `${out} holds the study “${there.title}” of another plan.`,
      'Name another folder with --out: runs of two plans are not mixed.',
    );
  }

  #file({ path }: PlannedRun): RunFile {
    return new RunFile(join(this.#out, path));
  }

  #failure({ path }: PlannedRun): string {
    return join(this.#out, path.replace(/\.json$/, '.failed'));
  }

  /** The outcome of a run; null if there is none yet. @throws GorpError `run/…`. */
  async outcomeOf(run: PlannedRun): Promise<MadeRun['outcome']> {
    const results = await this.#file(run).finished(run.settings());
    if (results) return { results };
    const failure = this.#failure(run);
    if (!existsSync(failure)) return null;
    return { error: v.parse(FailureSchema, JSON.parse(await readFile(failure, 'utf8'))) };
  }

  /** As {@link RunFile.goingOn}. */
  goingOn(run: PlannedRun, warn: (message: string) => void): Promise<GoingOn> {
    return this.#file(run).goingOn(run.settings(), warn);
  }

  claim(run: PlannedRun): Promise<(() => Promise<void>) | null> {
    return this.#file(run).claim(run.label);
  }

  /** Saves a run without its curves, so that hundreds of runs take a few megabytes and fit in a repository. */
  keep(run: PlannedRun, results: Results): Promise<void> {
    return this.#file(run).keep(withoutCurves(results));
  }

  /** Records that a run failed because of its settings, so that it is not repeated. */
  keepFailure(run: PlannedRun, error: ErrorReport): Promise<void> {
    return writeText(this.#failure(run), JSON.stringify(error));
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

/** The inputs of tables and plots: the matrix and what the run took. */
const withoutCurves = (results: Results): Results => ({
  ...results,
  curves: { round: [], step: [], loss: [], gradientNorm: [], seconds: [] },
  spaces: [],
  health: [],
});
