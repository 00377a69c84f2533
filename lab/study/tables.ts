import { csvLine } from '../../src/base/visible.ts';
import type { MadeRun } from './made-runs.ts';
import { type MeasureName, MEASURES, pText, titleOf } from '../../src/run/results/study-report.ts';
import { answerChanges, TEST_COLUMNS, type TexCell, testsOf, texTable } from '../../src/run/results/tables.ts';
import type { StudySummary } from './summary.ts';

/**
 * Every test of every run as a line of tidy CSV: part, method with the values of its grid, index of its order, seed,
 * round (0 is before training), task, measure and value, as {@link testsOf} has them.
 */
export function measurementsCsv(made: readonly MadeRun[]): string {
  const lines = [csvLine(['part', 'method', 'order', 'seed', ...TEST_COLUMNS])];
  for (const { run, outcome } of made) {
    if (outcome === null || 'error' in outcome) continue;
    for (const test of testsOf(outcome.results))
      lines.push(csvLine([run.part, titleOf(run), run.order, run.seed, ...test]));
  }
  return lines.join('');
}

/**
 * The table of each part for a paper: LaTeX with booktabs, percent with 95 % intervals over seeds. A study without a
 * claim also has {@link answerChanges} of every run.
 *
 * @param made every planned run.
 */
export function tablesTex(summary: StudySummary, made: readonly MadeRun[]): string {
  const measures = Object.keys(MEASURES) as MeasureName[];
  const tables = summary.parts.flatMap(({ name, ownScores, methods }) => {
    const shown = measures.filter((one) => methods.some((method) => method.measures[one] !== null));
    const head = shown.map((one) => (one === 'ap' && ownScores ? 'AP' : MEASURES[one]));
    const rows = methods.map((method) => [titleOf(method), ...shown.map((one) => method.measures[one])]);
    const title = `${summary.title}: ${name}`;
    const changes = summary.claim === undefined ? made.filter(({ run }) => run.part === name).flatMap(changeRows) : [];
    return [
      texTable(title, ['method', ...head], rows),
      ...(changes.length > 0
        ? [texTable(`${title}, answers from a task’s own round to the last`, CHANGES, changes)]
        : []),
    ];
  });
  return `${tables.join('\n\n')}\n`;
}

const CHANGES = ['method', 'order', 'seed', 'task', 'turned wrong', 'turned right', 'change', 'McNemar p'];

function changeRows({ run, outcome }: MadeRun): TexCell[][] {
  if (outcome === null || 'error' in outcome) return [];
  return answerChanges(outcome.results).map(({ task, wrong, right, change, p }) => [
    ...[titleOf(run), `${run.order + 1}`, `${run.seed}`, task, `${wrong}`, `${right}`],
    change,
    pText(p),
  ]);
}
