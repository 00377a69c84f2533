import { mcnemarP, pairedInterval, type Turned } from '../../base/proportions.ts';
import { roundOf } from '../settings/schedule.ts';
import { isScoredBy, mainScore, SCORES } from '../../tasks/forms.ts';
import { turnedBetween } from './answers.ts';
import type { Interval } from './paired-runs.ts';
import type { Results } from './results-fields.ts';

/** The change of a task's right answers between two tests of the same examples. */
interface AnswerChange extends Turned {
  readonly task: string;
  /** The later test: the last round. */
  readonly round: number;
  /** The share of right answers after less before, in percent, with Newcombe's paired interval. */
  readonly change: Interval & { readonly low: number; readonly high: number };
  /** By McNemar's exact test. */
  readonly p: number;
}

type Tested = Pick<Results, 'settings' | 'tasks' | 'accuracy' | 'right'>;

/**
 * Returns the changes of each task since its own round, and of a task that is only watched since before training; only
 * of tasks that count by exact match, where the results say which examples were right.
 */
export function answerChanges(results: Tested): AnswerChange[] {
  const { settings, tasks, accuracy } = results;
  const round = accuracy.exact.length - 1;
  return tasks.flatMap((task, j): AnswerChange[] => {
    const from = task.watched === true ? 0 : roundOf(settings, j);
    const share = accuracy.exact[from]?.[j] ?? null;
    const turned = turnedBetween(results, 'exact', j, [from, round]);
    if (mainScore(task) !== 'exact' || from >= round || share === null || turned === null) return [];
    const count = task.testExamples;
    const [low, high] = pairedInterval({ share, count }, turned).map((end) => 100 * end);
    const mean = (100 * (turned.right - turned.wrong)) / count;
    return [{ task: task.name, round, ...turned, change: { mean, low, high, count }, p: mcnemarP(turned) }];
  });
}

/** The columns of {@link testsOf}. */
export const TEST_COLUMNS = ['round', 'task', 'measure', 'value'] as const;

/**
 * Every test of a run: the round (0 is before training), the task, the score and its value. Accuracies and ROUGE-L are
 * shares, losses nats per token. Then {@link answerChanges}, intervals as shares.
 */
export function testsOf(results: Tested): [number, string, string, number][] {
  const { tasks, accuracy } = results;
  const scores = SCORES.flatMap((score) =>
    (accuracy[score] ?? []).flatMap((row, round) =>
      row.flatMap((value, j): [number, string, string, number][] =>
        value === null || !isScoredBy(tasks[j], score) ? [] : [[round, tasks[j].name, score, value]],
      ),
    ),
  );
  const changes = answerChanges(results).flatMap(({ task, round, wrong, right, change: { low, high }, p }) =>
    Object.entries({
      turnedWrong: wrong,
      turnedRight: right,
      changeLow: low / 100,
      changeHigh: high / 100,
      mcnemarP: p,
    }).map(([measure, value]): [number, string, string, number] => [round, task, measure, value]),
  );
  return [...scores, ...changes];
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
    // Other letters in LaTeX's oldest encoding.
    '<': '\\textless{}',
    '>': '\\textgreater{}',
    '|': '\\textbar{}',
    // At the beginning of a row they would belong to the end of the row before.
    '[': '{[}',
    '*': '{*}',
  };
  return oneLine(text).replaceAll(/[\\{}$&#_%~^<>|[*]/g, (letter) => commands[letter] ?? `\\${letter}`);
}

/** `79.0 {\scriptsize [77.5, 80.5]}`, with a real minus sign. */
function texInterval(interval: Interval | null): string {
  if (interval === null) return '--';
  const text = (value: number): string => `$${value.toFixed(1)}$`;
  const { mean, low, high } = interval;
  if (low === null || high === null) return text(mean);
  return `${text(mean)} {\\scriptsize [${text(low)}, ${text(high)}]}`;
}
