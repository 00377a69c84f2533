import { type ReactNode, useEffect, useState } from 'react';
import { useStore } from 'zustand';
import type { AnsweredExample, RoundAnswer } from '../../run/files/predictions.ts';
import type { TaskForm } from '../../tasks/forms.ts';
import { changedWords, type Piece } from '../../text/changed-words.ts';
import { closestOf } from '../../text/scores.ts';
import type { TriedRun } from '../../worker/try/messages.ts';
import { usePage } from '../state/page-context.tsx';
import { createPlayground, openTryWorker, type Playground, playground, useTryContext } from '../state/playground.ts';
import { chosenExamples, type Compared, SHOWN, type Shown, wrongSentence } from '../state/try-form.ts';
import { headed, nameIn, UNTRAINED, untrainedKey } from '../state/try-state.ts';
import { ErrorNote } from '../ui/blocks.tsx';
import { Choice } from '../ui/controls.tsx';
import { percent, whole } from '../ui/format.ts';
import { withTerms } from '../ui/terms.tsx';
import styles from './shared.module.css';

const SHOWN_WORDS: Readonly<Record<Shown, { labels: string; free: string }>> = {
  'turned-wrong': { labels: 'turned wrong', free: 'got worse' },
  'turned-right': { labels: 'turned right', free: 'got better' },
  wrong: { labels: 'wrong in the end', free: 'not exactly right in the end' },
  all: { labels: 'all', free: 'all' },
};
const optionsFor = (form: TaskForm) =>
  SHOWN.map((value) => ({ value, label: SHOWN_WORDS[value][form === 'labels' ? 'labels' : 'free'] }));
/** Rows shown at first, and added per click. */
const ROWS = 25;

interface Props {
  playground: Playground;
  run: TriedRun;
  /** The button that asks the model an example: its label, whether it can be asked now, and the action. */
  ask: { label: string; isReady: boolean; example: (task: string, example: AnsweredExample) => void };
}

/**
 * Test examples of a task with the answers of two rounds, filtered and searched; those that got worse come first. The
 * roles are explicit, since a narrow screen shows the rows as blocks, and blocks are no table to a screen reader.
 */
export function Examples({ playground, run, ask }: Props) {
  const { form, examples, untrained } = useStore(playground.store);
  const [rows, setRows] = useState(ROWS);
  const { rounds = [], form: taskForm = 'labels' } = run.tasks.find(({ name }) => name === form.task) ?? {};
  const all = examples?.task === form.task ? examples.examples : [];
  const answersBefore = untrained[untrainedKey(form.task, form.dtype)] ?? [];
  const found = chosenExamples(all, form, taskForm, answersBefore);
  const wrong = wrongSentence(all, form, run.tasks, answersBefore);
  const nameOf = (round: number): string => nameIn(run, round);
  const titles = { from: headed(nameOf(form.from)), to: headed(nameOf(form.to)) };
  const tested = rounds.map((round) => ({ value: round, label: nameOf(round) }));
  return (
    <>
      <div className="row">
        <Choice
          label="Task"
          testId="examples-task"
          options={run.tasks.map(({ name }) => ({ value: name, label: name }))}
          value={form.task}
          onChange={playground.chooseTask}
        />
        <Choice
          label="From"
          testId="examples-from"
          options={[{ value: 0, label: UNTRAINED }, ...tested]}
          value={form.from}
          onChange={(from) => playground.edit({ from })}
        />
        <Choice
          label="to"
          testId="examples-to"
          options={tested}
          value={form.to}
          onChange={(to) => playground.edit({ to })}
        />
        <Choice
          label="Show"
          testId="examples-shown"
          options={optionsFor(taskForm)}
          value={form.shown}
          onChange={(shown) => playground.edit({ shown })}
        />
        <label className="choice">
          Search
          <input
            type="search"
            data-testid="examples-search"
            value={form.search}
            onChange={({ target }) => playground.edit({ search: target.value })}
          />
        </label>
      </div>
      <p className={`about ${styles.count}`} role="status" data-testid="examples-count">
        {whole(found.length)} of {whole(all.length)} examples
      </p>
      {wrong !== null && (
        <p className="about" data-testid="wrong-words">
          {wrong}
        </p>
      )}
      {taskForm !== 'labels' && (
        <p className={`about ${styles.count}`}>
          Got worse by {withTerms('ROUGE-L', 'ROUGE-L')}, the percentage. <MarkedText kind="extra" pieces={EXTRA} /> are
          not in the right answer, <MarkedText kind="missing" pieces={MISSING} /> are missing from the last one.
        </p>
      )}
      {form.from === 0 && <Untrained playground={playground} answered={answersBefore.length} all={all.length} />}
      {found.length > 0 && (
        <div className="scroll box" tabIndex={0} role="region" aria-label="Table of test examples">
          <table className={`table ${styles.examples}`} role="table">
            <caption className="hidden-visually">Test examples of {form.task}</caption>
            <thead role="rowgroup">
              <tr role="row">
                {['Text', 'Right answer', titles.from, titles.to].map((title, column) => (
                  <th key={column} scope="col" role="columnheader">
                    {title}
                  </th>
                ))}
                <td role="cell" />
              </tr>
            </thead>
            <tbody role="rowgroup">
              {found.slice(0, rows).map((compared, i) => (
                <Row key={i} task={form.task} taskForm={taskForm} compared={compared} titles={titles} ask={ask} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {found.length > rows && (
        <button type="button" onClick={() => setRows(rows + ROWS)}>
          Show {Math.min(ROWS, found.length - rows)} more
        </button>
      )}
    </>
  );
}

/** Counts and requests the answers of the model before training, since runs save only those of rounds. */
function Untrained({ playground, answered, all }: { playground: Playground; answered: number; all: number }) {
  const context = useTryContext();
  const { status, asksExamples } = useStore(playground.store);
  if (answered === all) return null;
  return (
    <div className="row" data-testid="examples-untrained">
      <p className={`about ${styles.count}`}>
        Runs do not save answers from before training. Asked here: {whole(answered)} of {whole(all)}.
      </p>
      {asksExamples ? (
        <button type="button" data-testid="examples-stop" disabled={status === 'stopping'} onClick={playground.stop}>
          Stop
        </button>
      ) : (
        <button
          type="button"
          data-testid="examples-ask-all"
          disabled={status !== 'open'}
          onClick={() => playground.askExamples(context())}
        >
          {answered === 0 ? `Ask all ${whole(all)}` : `Ask the other ${whole(all - answered)}`}
        </button>
      )}
    </div>
  );
}

const EXTRA = [{ text: 'Marked words', differs: true }];
const MISSING = [{ text: 'underlined ones', differs: true }];

/** The headings of the two answers, which narrow screens show in each row. */
interface Titles {
  readonly from: string;
  readonly to: string;
}

type RowProps = Pick<Props, 'ask'> & { task: string; taskForm: TaskForm; compared: Compared; titles: Titles };

function Row({ task, taskForm, compared: { example, before, after }, titles, ask }: RowProps) {
  const { sentence, label } = example;
  const isFree = taskForm !== 'labels';
  return (
    <tr role="row" data-testid="example">
      <th scope="row" role="rowheader" className={styles.sentence}>
        <LongText length={sentence.length} label="Text">
          {sentence}
        </LongText>
      </th>
      <td role="cell" data-title="Right answer">
        {isFree ? <RightAnswers example={example} answer={after} /> : label}
      </td>
      <Written title={titles.from} answer={before} example={example} isFree={isFree} />
      <Written title={titles.to} answer={after} example={example} isFree={isFree} />
      <td role="cell" className="acts">
        <button
          type="button"
          data-testid="example-ask"
          disabled={!ask.isReady}
          aria-label={`${ask.label}: ${sentence.slice(0, 80)}`}
          onClick={() => ask.example(task, example)}
        >
          {ask.label}
        </button>
      </td>
    </tr>
  );
}

const rightOf = ({ label, others }: AnsweredExample): string[] => [label, ...others];

/** The right answers; in the one closest to a written answer, the words that it lacks are marked. */
function RightAnswers({ example, answer }: { example: AnsweredExample; answer: RoundAnswer | undefined }) {
  const all = rightOf(example);
  const closest = answer === undefined ? null : closestOf(answer.written, all);
  return (
    <LongText length={all.join('').length} label="Right answer">
      {all.map((right, i) => (
        <span key={i} className={styles.right} data-right-answer>
          {i > 0 && <span className="muted">or </span>}
          {right === closest && answer !== undefined ? (
            <MarkedText kind="missing" pieces={changedWords(answer.written, right).right} />
          ) : (
            right
          )}
        </span>
      ))}
    </LongText>
  );
}

interface WrittenProps {
  title: string;
  answer: RoundAnswer | undefined;
  example: AnsweredExample;
  isFree: boolean;
}

/** A round's answer, right or wrong, or how close to the right one; empty if the round was not tested. */
function Written({ title, answer, example, isFree }: WrittenProps) {
  if (answer === undefined) return <td role="cell" />;
  const { written, isRight, rougeL } = answer;
  const text =
    written === '' ? (
      <em>nothing</em>
    ) : isFree ? (
      <MarkedText kind="extra" pieces={changedWords(written, closestOf(written, rightOf(example))).written} />
    ) : (
      written
    );
  return (
    <td role="cell" data-title={title} data-right={isFree ? undefined : isRight} className={styles.written}>
      <span aria-hidden="true">{isRight ? '✓ ' : isFree ? '' : '✗ '}</span>
      {(isRight || !isFree) && <span className="hidden-visually">{isRight ? 'right: ' : 'wrong: '}</span>}
      <LongText length={written.length} label="Answer">
        <span data-written>{text}</span>
      </LongText>
      {isFree && (
        <span className="second" title="ROUGE-L">
          {percent(rougeL)} %
        </span>
      )}
    </td>
  );
}

/** The answers of a run's tests, from the rounds that this browser has stored. */
export default function RunAnswers({ runId }: { runId: string | null }) {
  const { store, changeView } = usePage();
  const [own] = useState(() => createPlayground(openTryWorker));
  const { status, run, problem } = useStore(own.store);
  useEffect(() => {
    // Its own model, whichever is in use.
    own.open(store.getState().access, runId === null ? null : { run: runId });
    return own.close;
  }, [own, store, runId]);
  if (problem !== null) return <ErrorNote error={problem} title="Could not read the answers" />;
  if (run === null && status !== 'open') return <p className="about">Reading the answers…</p>;
  if (run?.id !== runId || run === null) {
    return (
      <p className="about" data-testid="no-answers">
        The model of this run is no longer stored in this browser, so its answers cannot be shown.
      </p>
    );
  }
  return (
    <Examples
      playground={own}
      run={run}
      ask={{
        label: 'Try it',
        isReady: true,
        example: (task, { sentence, label, others }) => {
          playground.edit({ kind: 'task', task, sentence, label, others });
          changeView({ tab: 'try' });
        },
      }}
    />
  );
}

/** Texts longer than this get a box that scrolls. */
const LONG = 400;

/** A text with the words that differ marked: those too many, or those `missing` from an answer. */
export function MarkedText({ pieces, kind }: { pieces: readonly Piece[]; kind: 'extra' | 'missing' }) {
  return (
    <span data-kind={kind} className={styles.marked}>
      {pieces.map(({ text, differs }, i) => (differs ? <mark key={i}>{text}</mark> : text))}
    </span>
  );
}

/** A text of any length. */
export function LongText({ children, length, label }: { children: ReactNode; length: number; label: string }) {
  if (length <= LONG) return children;
  return (
    <div className={`scroll ${styles.long}`} tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  );
}
