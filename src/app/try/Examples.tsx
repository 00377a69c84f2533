import { useState } from 'react';
import { useStore } from 'zustand';
import type { TriedRun } from '../../worker/try/messages.ts';
import type { RoundAnswer } from '../../run/outputs/answers-over-rounds.ts';
import { whole } from '../format.ts';
import { Choice } from './Choice.tsx';
import type { TryDesk } from './try-desk.ts';
import { chosenExamples, type Compared, SHOWN, type Shown } from './try-form.ts';
import { UNTRAINED, untrainedKey } from './try-state.ts';
import { useTryContext } from './use-try-context.ts';
import styles from './Examples.module.css';
import tab from './TryTab.module.css';

const SHOWN_WORDS: Readonly<Record<Shown, string>> = {
  'turned-wrong': 'turned wrong',
  'turned-right': 'turned right',
  wrong: 'wrong in the end',
  all: 'all',
};
const SHOWN_OPTIONS = SHOWN.map((value) => ({ value, label: SHOWN_WORDS[value] }));
/** Rows shown at first, and added per click. */
const ROWS = 25;

/** Test examples of a task with the answers of two rounds, filtered and searched. */
export function Examples({ desk, run }: { desk: TryDesk; run: TriedRun }) {
  const { form, examples, untrained } = useStore(desk.store);
  const [rows, setRows] = useState(ROWS);
  const rounds = run.tasks.find(({ name }) => name === form.task)?.rounds ?? [];
  const all = examples?.task === form.task ? examples.examples : [];
  const answersBefore = untrained[untrainedKey(form.task, form.dtype)] ?? [];
  const found = chosenExamples(all, form, answersBefore);
  const nameOf = (round: number): string => run.rounds.find((one) => one.round === round)?.name ?? String(round);
  const tested = rounds.map((round) => ({ value: round, label: nameOf(round) }));
  return (
    <>
      <div className={styles.tools}>
        <Choice
          label="Task"
          testId="examples-task"
          options={run.tasks.map(({ name }) => ({ value: name, label: name }))}
          value={form.task}
          onChange={desk.chooseTask}
        />
        <Choice
          label="From"
          testId="examples-from"
          options={[{ value: 0, label: UNTRAINED }, ...tested]}
          value={form.from}
          onChange={(from) => desk.edit({ from })}
        />
        <Choice label="to" testId="examples-to" options={tested} value={form.to} onChange={(to) => desk.edit({ to })} />
        <Choice
          label="Show"
          testId="examples-shown"
          options={SHOWN_OPTIONS}
          value={form.shown}
          onChange={(shown) => desk.edit({ shown })}
        />
        <label className={tab.choice}>
          Search
          <input
            type="search"
            className={tab.select}
            data-testid="examples-search"
            value={form.search}
            onChange={({ target }) => desk.edit({ search: target.value })}
          />
        </label>
      </div>
      <p className={styles.count} role="status" data-testid="examples-count">
        {whole(found.length)} of {whole(all.length)} examples
      </p>
      {form.from === 0 && <Untrained desk={desk} answered={answersBefore.length} all={all.length} />}
      {found.length > 0 && (
        <div className={styles.scroll} tabIndex={0} role="region" aria-label="Test examples">
          <table className={styles.table}>
            <caption className="hidden-visually">Test examples of {form.task}</caption>
            <thead>
              <tr>
                <th scope="col">Text</th>
                <th scope="col">Right answer</th>
                <th scope="col">{form.from === 0 ? 'Before training' : `After ${nameOf(form.from)}`}</th>
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

/** Counts and requests the answers of the model before training, since runs save only those of rounds. */
function Untrained({ desk, answered, all }: { desk: TryDesk; answered: number; all: number }) {
  const context = useTryContext();
  const { status, asksExamples } = useStore(desk.store);
  if (answered === all) return null;
  return (
    <div className={styles.untrained} data-testid="examples-untrained">
      <p className={styles.count}>
        Runs do not save answers from before training. Asked here: {whole(answered)} of {whole(all)}.
      </p>
      {asksExamples ? (
        <button
          type="button"
          className={styles.more}
          data-testid="examples-stop"
          disabled={status === 'stopping'}
          onClick={desk.stop}
        >
          Stop
        </button>
      ) : (
        <button
          type="button"
          className={styles.more}
          data-testid="examples-ask-all"
          disabled={status !== 'open'}
          onClick={() => desk.askExamples(context())}
        >
          {answered === 0 ? `Ask all ${whole(all)}` : `Ask the other ${whole(all - answered)}`}
        </button>
      )}
    </div>
  );
}

function Row({ desk, compared: { example, before, after } }: { desk: TryDesk; compared: Compared }) {
  const context = useTryContext();
  const { status } = useStore(desk.store);
  const { sentence, label } = example;
  const ask = (): void => {
    desk.edit({ kind: 'task', sentence, label });
    desk.ask(context());
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

/** A round's answer, right or wrong; empty if the round was not tested. */
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
