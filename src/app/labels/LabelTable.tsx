import { NONE, percent } from '../format.ts';
import table from '../ui/table.module.css';
import type { LabelRow } from './label-rows.ts';
import styles from './LabelTable.module.css';

interface Props {
  task: string;
  labels: readonly string[];
  rows: readonly LabelRow[];
  /** What the two rounds are called: `after gloss`, `before training`. */
  from: string;
  to: string;
}

/** A row for each right label: how many of its tests were answered rightly, and what was answered after a round. */
export function LabelTable({ task, labels, rows, from, to }: Props) {
  const columns = [...labels, 'anything else'];
  const compares = from !== to && rows.some(({ before }) => before !== null);
  return (
    <div
      className={`${table.scroll} ${table.wide} ${styles.scroll}`}
      tabIndex={0}
      role="region"
      aria-label={`Right labels and answers of ${task}`}
    >
      <table className={`${table.table} ${styles.labels}`}>
        <caption className="hidden-visually">
          Right labels and answers of {task}, {to}
        </caption>
        <thead>
          <tr>
            <th scope="col">Right answer</th>
            <th scope="col">Tests</th>
            {compares && (
              <th scope="col" className={styles.share}>
                Right {from}, %
              </th>
            )}
            <th scope="col" className={styles.share}>
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
              <th scope="row">{label}</th>
              <td>{examples}</td>
              {compares && <td>{before === null ? NONE : percent(before)}</td>}
              <td>{percent(after)}</td>
              {answered.map((times, i) => (
                <td
                  key={columns[i]}
                  className={styles.cell}
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
