import { csvLine } from '../../src/base/csv-line.ts';
import type { MadeRun } from './made-runs.ts';
import { type MeasureName, MEASURES } from './measures.ts';
import { titleOf } from './report.ts';
import { TEST_COLUMNS, testsOf, texTable } from '../../src/run/results/tables.ts';
import type { StudySummary } from './summary.ts';

/**
 * Every test of every run as a line of tidy CSV: part, method with the values of its grid, index of its order, seed,
 * round (0 is before training), task, measure and value. Accuracies and ROUGE-L are shares, losses nats per token.
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

/** The table of each part for a paper: LaTeX with booktabs, percent with 95 % intervals over seeds. */
export function tablesTex(summary: StudySummary): string {
  const measures = Object.keys(MEASURES) as MeasureName[];
  const parts = summary.parts.map(({ name, ownScores, methods }) => {
    const shown = measures.filter((one) => methods.some((method) => method.measures[one] !== null));
    const head = shown.map((one) => (one === 'ap' && ownScores ? 'AP' : MEASURES[one]));
    const rows = methods.map((method) => [titleOf(method), ...shown.map((one) => method.measures[one])]);
    return texTable(`${summary.title}: ${name}`, ['method', ...head], rows);
  });
  return `${parts.join('\n\n')}\n`;
}
