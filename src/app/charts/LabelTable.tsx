import { type AnswerCount, answersAt } from '../../run/results/answers.ts';
import type { Results } from '../../run/results/results.ts';
import { NONE, percent } from '../ui/format.ts';
import styles from './charts.module.css';

/** The answers to the test examples of one label. */
interface LabelRow {
  readonly label: string;
  readonly examples: number;
  /** Share of right answers after each of two rounds; null if the task was not tested then. */
  readonly before: number | null;
  readonly after: number;
  /** Number of answers with each label after the second round, in the order of the labels; last, any other answer. */
  readonly answered: readonly number[];
}

/** The rounds after which the answers to a task are known, 0 for before training. */
export const roundsWithAnswers = ({ confusion = [] }: Pick<Results, 'confusion'>, task: number): number[] =>
  confusion.flatMap((one) => (one.task === task + 1 ? one.round : [])).sort((a, b) => a - b);

/**
 * The answers of a task by their right label: how many were right, and what was answered instead. Labels without a test
 * example are left out.
 *
 * @param task from 0.
 * @returns none if the answers after the second round are not known.
 */
export function labelRows(
  results: Pick<Results, 'confusion'>,
  task: number,
  labels: readonly string[],
  { from, to }: { from: number; to: number },
): LabelRow[] {
  const [before, after] = [answersAt(results, from, task), answersAt(results, to, task)];
  if (after === undefined) return [];
  return labels.flatMap((label, i): LabelRow[] => {
    const answered = answersTo(after, i, labels.length);
    const examples = total(answered);
    if (examples === 0) return [];
    const first = before && answersTo(before, i, labels.length);
    return [
      { label, examples, before: first ? rightShare(first, i) : null, after: rightShare(answered, i) ?? 0, answered },
    ];
  });
}

/** The share of the right answers, by the tests of that round: a model that is taught more may have other tests. */
function rightShare(counts: readonly number[], right: number): number | null {
  const tested = total(counts);
  return tested === 0 ? null : counts[right] / tested;
}

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

function answersTo(counts: readonly AnswerCount[], right: number, labels: number): number[] {
  const answered = new Array<number>(labels + 1).fill(0);
  for (const [label, answer, count] of counts) if (label === right) answered[answer] += count;
  return answered;
}

interface Props {
  task: string;
  labels: readonly string[];
  rows: readonly LabelRow[];
  /** Names of the two rounds: `after gloss`, `before training`. */
  from: string;
  to: string;
}

/** A row for each right label: how many of its tests were answered rightly, and what was answered after a round. */
export function LabelTable({ task, labels, rows, from, to }: Props) {
  const columns = [...labels, 'anything else'];
  const compares = from !== to && rows.some(({ before }) => before !== null);
  return (
    <div className="scroll tall" tabIndex={0} role="region" aria-label={`Right labels and answers of ${task}`}>
      <table className={`table ${styles.labels}`}>
        <caption className="hidden-visually">
          Right labels and answers of {task}, {to}
        </caption>
        <thead>
          <tr>
            <th scope="col">Right answer</th>
            <th scope="col">Tests</th>
            {compares && (
              <th scope="col" className={styles.share} title={from}>
                Right {from}, %
              </th>
            )}
            <th scope="col" className={styles.share} title={to}>
              Right {to}, %
            </th>
            {columns.map((name) => (
              <th key={name} scope="col" className={styles.answer} title={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ label, examples, before, after, answered }) => (
            <tr key={label}>
              <th scope="row" title={label}>
                {label}
              </th>
              <td>{examples}</td>
              {compares && <td>{before === null ? NONE : percent(before)}</td>}
              <td>{percent(after)}</td>
              {answered.map((times, i) => (
                <td
                  key={columns[i]}
                  className={styles.count}
                  data-right={columns[i] === label}
                  style={{ '--share': `${Math.round((100 * times) / examples)}%` }}
                >
                  {times === 0 ? '' : times}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
