import { isScoredBy, SCORES } from '../settings/scoring.ts';
import type { Interval } from './paired-runs.ts';
import type { Results } from './results-fields.ts';

/** The columns of {@link testsOf}. */
export const TEST_COLUMNS = ['round', 'task', 'measure', 'value'] as const;

/**
 * Every test of a run: the round (0 is before training), the task, the score and its value. Accuracies and ROUGE-L are
 * shares, losses nats per token.
 */
export function testsOf({ tasks, accuracy }: Pick<Results, 'tasks' | 'accuracy'>): [number, string, string, number][] {
  return SCORES.flatMap((score) =>
    (accuracy[score] ?? []).flatMap((row, round) =>
      row.flatMap((value, j): [number, string, string, number][] =>
        value === null || !isScoredBy(tasks[j], score) ? [] : [[round, tasks[j].name, score, value]],
      ),
    ),
  );
}

/** A cell of a table: text, or a mean with its interval; null where nothing is known. */
export type TexCell = string | Interval | null;

/**
 * A table for a paper: LaTeX with booktabs. Nothing in its texts is a command.
 *
 * @param title in a comment above it.
 * @param head of the columns; the first is aligned to the left, the others to the right.
 */
export function texTable(title: string, head: readonly string[], rows: readonly (readonly TexCell[])[]): string {
  return [
    `% ${oneLine(title)}`,
    `\\begin{tabular}{l${'r'.repeat(head.length - 1)}}`,
    '\\toprule',
    texRow(head),
    '\\midrule',
    ...rows.map(texRow),
    '\\bottomrule',
    '\\end{tabular}',
  ].join('\n');
}

const texRow = (cells: readonly TexCell[]): string =>
  `${cells.map((cell) => (typeof cell === 'string' ? texText(cell) : texInterval(cell))).join(' & ')} \\\\`;
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ');

/** Text in which nothing is a command of LaTeX. */
function texText(text: string): string {
  const commands: Readonly<Record<string, string>> = {
    '\\': '\\textbackslash{}',
    '~': '\\textasciitilde{}',
    '^': '\\textasciicircum{}',
    // At the beginning of a row they would belong to the end of the row before.
    '[': '{[}',
    '*': '{*}',
  };
  return oneLine(text).replaceAll(/[\\{}$&#_%~^[*]/g, (letter) => commands[letter] ?? `\\${letter}`);
}

/** `79.0 {\scriptsize [77.5, 80.5]}`, with a real minus sign. */
function texInterval(interval: Interval | null): string {
  if (interval === null) return '--';
  const text = (value: number): string => `$${value.toFixed(1)}$`;
  const { mean, low, high } = interval;
  if (low === null || high === null) return text(mean);
  return `${text(mean)} {\\scriptsize [${text(low)}, ${text(high)}]}`;
}
