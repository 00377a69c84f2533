import { type ErrorReport, GorpError } from '../../src/base/errors.ts';
import { sourceName, sourcesOfRun } from '../../src/run/results/likeness.ts';
import type { Results } from '../../src/run/results/results.ts';
import { measuredOf } from './measures.ts';
import { mean } from '../../src/base/statistics.ts';
import { labelOf, type PlannedRun, plannedRuns, type StudyPart, type StudyPlan, type TriedValues } from './plan.ts';

/** A planned run with its outcome; null while it has not been made. */
export interface MadeRun {
  readonly run: PlannedRun;
  readonly outcome: { readonly results: Results } | { readonly error: ErrorReport } | null;
}

/** The values a grid chose for a method. */
interface Choice {
  readonly values: TriedValues;
  /** The score that decided, in percent: see {@link bestOf}. */
  readonly score: number;
  /** Settings whose chosen value is the lowest or highest tried: a better one may lie beyond. */
  readonly atEnd: readonly string[];
}

/**
 * The values of a grid with the highest mean AP over seeds and orders, on the dev set if the part tests there; null
 * until all its runs have been made. `per-task` has no AP, since no model has learned all tasks: its accuracy just
 * learned counts. A failed run counts as 0: a value must not gain from the runs it spoils.
 *
 * @param made every run of one method of the part.
 */
export function bestOf(made: readonly MadeRun[]): Choice | null {
  if (made.length === 0 || made.some(({ outcome }) => outcome === null)) return null;
  const scoreOf = ({ outcome }: MadeRun): number => {
    if (!outcome || 'error' in outcome) return 0;
    const { ap, justLearned } = measuredOf(outcome.results);
    return ap ?? justLearned ?? 0;
  };
  const forms = new Map<string, { values: TriedValues; scores: number[] }>();
  for (const one of made) {
    const { tried } = one.run;
    const form = forms.get(JSON.stringify(tried)) ?? { values: tried, scores: [] };
    form.scores.push(scoreOf(one));
    forms.set(JSON.stringify(tried), form);
  }
  const all = [...forms.values()].map(({ values, scores }) => ({ values, score: mean(scores) }));
  const best = all.reduce((one, other) => (other.score > one.score ? other : one));
  const atEnd = Object.entries(best.values).flatMap(([key, value]) => {
    const tried = all.map(({ values }) => Number(values[key]));
    return value === Math.min(...tried) || value === Math.max(...tried) ? [key] : [];
  });
  return { ...best, atEnd };
}

/**
 * Every run of a plan that is known so far.
 *
 * @param outcomeOf the outcome of a run.
 * @throws GorpError `run/other-study`, naming two runs that worked with different weights or texts: no table may have
 *   both.
 */
export async function collect(
  plan: StudyPlan,
  outcomeOf: (run: PlannedRun) => Promise<MadeRun['outcome']>,
): Promise<MadeRun[]> {
  const made: MadeRun[] = [];
  for (const part of inOrderOfTuning(plan)) {
    const runs = plannedRuns(plan, part, (from, method) => {
      const entry = plan.parts
        .find(({ name }) => name === from)
        ?.entries.find((one) => one.grid && one.method === method);
      if (!entry) return null;
      return bestOf(made.filter(({ run }) => run.part === from && run.label === labelOf(entry)))?.values ?? null;
    });
    for (const run of runs) made.push({ run, outcome: await outcomeOf(run) });
  }
  checkAlike(made);
  return made;
}

function checkAlike(made: readonly MadeRun[]): void {
  const seen = new Map<string, { value: string; name: string }>();
  for (const { run, outcome } of made) {
    if (outcome === null || 'error' in outcome) continue;
    const name = `${run.part}/${run.name}`;
    for (const [path, value] of sourcesOfRun(outcome.results)) {
      const before = seen.get(path) ?? { value, name };
      seen.set(path, before);
      if (before.value === value) continue;
      throw new GorpError(
        'run/other-study',
        `${before.name} and ${name} do not belong in one table: they differ in ${sourceName(path)}.`,
        'Move the runs that do not belong to this study to another folder, or delete their lines to repeat them.',
      );
    }
  }
}

/** The parts, tuning parts first. */
function inOrderOfTuning({ parts }: StudyPlan): StudyPart[] {
  const tunes = (part: StudyPart): boolean => part.entries.some(({ grid }) => grid !== undefined);
  return [...parts.filter(tunes), ...parts.filter((part) => !tunes(part))];
}
