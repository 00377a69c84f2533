import { csvLine } from '../../src/base/csv-line.ts';
import { isScoredBy, SCORES } from '../../src/run/settings/scoring.ts';
import type { MadeRun } from './made-runs.ts';
import { type MeasureName, MEASURES } from './measures.ts';
import { titleOf } from './report.ts';
import type { Interval } from './statistics.ts';
import type { StudySummary } from './summary.ts';

/**
 * Every test of every run as a line of tidy CSV: part, method with the values of its grid, index of its order, seed,
 * round (0 is before training), task, measure and value. Accuracies and ROUGE-L are shares, losses nats per token.
 */
export function measurementsCsv(made: readonly MadeRun[]): string {
  const lines = [csvLine(['part', 'method', 'order', 'seed', 'round', 'task', 'measure', 'value'])];
  for (const { run, outcome } of made) {
    if (outcome === null || 'error' in outcome) continue;
    const { tasks, accuracy } = outcome.results;
    for (const score of SCORES) {
      for (const [round, row] of (accuracy[score] ?? []).entries()) {
        for (const [j, value] of row.entries()) {
          if (value === null || !isScoredBy(tasks[j], score)) continue;
          lines.push(csvLine([run.part, titleOf(run), run.order, run.seed, round, tasks[j].name, score, value]));
        }
      }
    }
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
    return [
      `% ${oneLine(summary.title)}: ${oneLine(name)}`,
      `\\begin{tabular}{l${'r'.repeat(shown.length)}}`,
      '\\toprule',
      texRow(['method', ...head].map(texText)),
      '\\midrule',
      ...rows.map((row) => texRow(row.map((cell) => (typeof cell === 'string' ? texText(cell) : texInterval(cell))))),
      '\\bottomrule',
      '\\end{tabular}',
    ].join('\n');
  });
  return `${parts.join('\n\n')}\n`;
}

const texRow = (cells: readonly string[]): string => `${cells.join(' & ')} \\\\`;
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ');

/** Text in which nothing is a command of LaTeX. */
function texText(text: string): string {
  const commands: Readonly<Record<string, string>> = {
    '\\': '\\textbackslash{}',
    '~': '\\textasciitilde{}',
    '^': '\\textasciicircum{}',
  };
  return oneLine(text).replaceAll(/[\\{}$&#_%~^]/g, (letter) => commands[letter] ?? `\\${letter}`);
}

/** `79.0 {\scriptsize [77.5, 80.5]}`, with a real minus sign. */
function texInterval(interval: Interval | null): string {
  if (interval === null) return '--';
  const text = (value: number): string => `$${value.toFixed(1)}$`;
  const { mean, low, high } = interval;
  if (low === null || high === null) return text(mean);
  return `${text(mean)} {\\scriptsize [${text(low)}, ${text(high)}]}`;
}
