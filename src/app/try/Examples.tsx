import { useState } from 'react';
import { useStore } from 'zustand';
import type { TriedRun } from '../../worker/try/messages.ts';
import type { RoundAnswer } from '../../run/outputs/answers-over-rounds.ts';
import { whole } from '../format.ts';
import { budgetBytes } from '../memory/budget.ts';
import { usePage } from '../page-context.tsx';
import type { TryDesk } from './try-desk.ts';
import { chosenExamples, type Compared, SHOWN, type Shown } from './try-form.ts';
import styles from './Examples.module.css';

const SHOWN_WORDS: Readonly<Record<Shown, string>> = {
  'turned-wrong': 'turned wrong',
  'turned-right': 'turned right',
  wrong: 'wrong in the end',
  all: 'all',
};
/** Rows that are shown at first, and more at a time. */
const ROWS = 25;

/** Test examples of a task: what two rounds answered to them, filtered and searched. */
export function Examples({ desk, run }: { desk: TryDesk; run: TriedRun }) {
  const { form, examples } = useStore(desk.store);
  const [rows, setRows] = useState(ROWS);
  const rounds = run.tasks.find(({ name }) => name === form.task)?.rounds ?? [];
  const found = examples?.task === form.task ? chosenExamples(examples.examples, form) : [];
  const nameOf = (round: number): string => run.rounds.find((one) => one.round === round)?.name ?? String(round);
  const roundMenu = (key: 'from' | 'to', label: string) => (
    <label className={styles.choice}>
      {label}
      <select
        className={styles.select}
        data-testid={`examples-${key}`}
        value={form[key]}
        onChange={({ target }) => desk.edit({ [key]: Number(target.value) })}
      >
        {rounds.map((round) => (
          <option key={round} value={round}>
            {nameOf(round)}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <>
      <div className={styles.tools}>
        <label className={styles.choice}>
          Task
          <select
            className={styles.select}
            data-testid="examples-task"
            value={form.task}
            onChange={({ target }) => desk.chooseTask(target.value)}
          >
            {run.tasks.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        {roundMenu('from', 'From')}
        {roundMenu('to', 'to')}
        <label className={styles.choice}>
          Show
          <select
            className={styles.select}
            data-testid="examples-shown"
            value={form.shown}
            onChange={({ target }) => desk.edit({ shown: SHOWN.find((one) => one === target.value) ?? 'all' })}
          >
            {SHOWN.map((one) => (
              <option key={one} value={one}>
                {SHOWN_WORDS[one]}
              </option>
            ))}
          </select>
        </label>
        <label className={styles.choice}>
          Search
          <input
            type="search"
            className={styles.select}
            data-testid="examples-search"
            value={form.search}
            onChange={({ target }) => desk.edit({ search: target.value })}
          />
        </label>
      </div>
      <p className={styles.count} role="status" data-testid="examples-count">
        {whole(found.length)} of {whole(examples?.examples.length ?? 0)} examples
      </p>
      {found.length > 0 && (
        <div className={styles.scroll} tabIndex={0} role="region" aria-label="Test examples">
          <table className={styles.table}>
            <caption className="hidden-visually">Test examples of {form.task}</caption>
            <thead>
              <tr>
                <th scope="col">Text</th>
                <th scope="col">Right answer</th>
                <th scope="col">After {nameOf(form.from)}</th>
                <th scope="col">After {nameOf(form.to)}</th>
                <td />
              </tr>
            </thead>
            <tbody>
              {found.slice(0, rows).map((compared, i) => (
                <Row key={i} desk={desk} compared={compared} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {found.length > rows && (
        <button type="button" className={styles.more} onClick={() => setRows(rows + ROWS)}>
          Show {Math.min(ROWS, found.length - rows)} more
        </button>
      )}
    </>
  );
}

function Row({ desk, compared: { example, before, after } }: { desk: TryDesk; compared: Compared }) {
  const page = usePage();
  const { status } = useStore(desk.store);
  const { sentence, label } = example;
  const ask = (): void => {
    desk.edit({ kind: 'task', sentence, label });
    const { access, device, memoryBudget } = page.store.getState();
    desk.ask({ access, device, budget: budgetBytes(memoryBudget) });
  };
  return (
    <tr data-testid="example">
      <th scope="row" className={styles.sentence}>
        {sentence}
      </th>
      <td>{label}</td>
      <Written answer={before} />
      <Written answer={after} />
      <td className={styles.act}>
        <button
          type="button"
          className={styles.more}
          data-testid="example-ask"
          disabled={status !== 'open'}
          aria-label={`Ask: ${sentence.slice(0, 80)}`}
          onClick={ask}
        >
          Ask
        </button>
      </td>
    </tr>
  );
}

/** What a round wrote, right or wrong; nothing where it was not tested. */
function Written({ answer }: { answer: RoundAnswer | undefined }) {
  if (answer === undefined) return <td />;
  return (
    <td data-right={answer.isRight} className={styles.written}>
      <span aria-hidden="true">{answer.isRight ? '✓ ' : '✗ '}</span>
      <span className="hidden-visually">{answer.isRight ? 'right: ' : 'wrong: '}</span>
      <span data-written>{answer.written === '' ? <em>nothing</em> : answer.written}</span>
    </td>
  );
}
