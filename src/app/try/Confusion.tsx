import { useStore } from 'zustand';
import type { TriedRun } from '../../worker/try/messages.ts';
import { NONE, percent } from '../format.ts';
import { Section } from '../ui/Section.tsx';
import { confusionOf } from './confusion.ts';
import type { TryDesk } from './try-desk.ts';
import styles from './Confusion.module.css';

/** The labels of the chosen task: how often each was answered rightly after two rounds, and what was answered instead. */
export function Confusion({ desk, run }: { desk: TryDesk; run: TriedRun }) {
  const { form, examples } = useStore(desk.store);
  const task = run.tasks.find(({ name }) => name === form.task);
  if (task === undefined || task.form !== 'labels' || examples?.task !== form.task) return null;
  const rows = confusionOf(examples.examples, task.labels, form);
  if (rows.length === 0) return null;
  const nameOf = (round: number): string => run.rounds.find((one) => one.round === round)?.name ?? String(round);
  const columns = [...task.labels, 'anything else'];
  const compares = form.from !== form.to && rows.some(({ before }) => before !== null);
  return (
    <Section
      level={3}
      title="Labels"
      note={`Each row is a right label of ${form.task}: how many of its test examples were answered rightly, and what was answered after ${nameOf(form.to)}. Numbers off the diagonal are labels taken for each other.`}
      testId="confusion"
    >
      <div className={styles.scroll} tabIndex={0} role="region" aria-label="Right labels and answers">
        <table className={styles.table}>
          <caption className="hidden-visually">Right labels and answers of {form.task}</caption>
          <thead>
            <tr>
              <th scope="col">Right answer</th>
              <th scope="col">Tests</th>
              {compares && <th scope="col">After {nameOf(form.from)} %</th>}
              <th scope="col">After {nameOf(form.to)} %</th>
              {columns.map((name) => (
                <th key={name} scope="col" className={styles.answer}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ label, examples: count, before, after, answered }) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td>{count}</td>
                {compares && <td>{before === null ? NONE : percent(before)}</td>}
                <td>{after === null ? NONE : percent(after)}</td>
                {answered.map((times, i) => (
                  <td
                    key={columns[i]}
                    className={styles.cell}
                    data-right={columns[i] === label}
                    style={{ '--share': `${Math.round((100 * times) / count)}%` }}
                  >
                    {times === 0 ? '' : times}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}
