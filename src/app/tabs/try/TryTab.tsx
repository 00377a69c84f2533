import { useEffect, useRef } from 'react';
import { useStore } from 'zustand';
import { methodTitle } from '../../../methods/registry.ts';
import { learnedName } from '../../../run/settings/schedule.ts';
import { testedTasks } from '../../../run/settings/settings.ts';
import { modelText } from '../../../weights/model-reference.ts';
import type { TriedRun } from '../../../worker/try/messages.ts';
import { labelRows, LabelTable } from '../../charts/LabelTable.tsx';
import { Examples } from '../../shared/Examples.tsx';
import { filesOfInput, nameOfFiles } from '../../state/dropped-files.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { playground, useTryContext } from '../../state/playground.ts';
import { roundOfRun } from '../../state/run-state.ts';
import { nameIn } from '../../state/try-state.ts';
import { ErrorNote, Section } from '../../ui/blocks.tsx';
import { Answers } from './Answers.tsx';
import { AskForm } from './AskForm.tsx';
import styles from './try.module.css';
import { PickFiles } from '../../ui/controls.tsx';

/** The run being asked, and buttons to open another. */
function SourceLine() {
  const page = usePage();
  const stored = usePage().taught;
  const { status, run, given } = useStore(playground.store);
  const shown = usePageState((state) => state.run.results?.id ?? null);
  const access = () => page.store.getState().access;
  const take = (list: File[]): void => {
    const files = filesOfInput(list);
    playground.open(access(), null, { name: nameOfFiles(files), files });
  };
  const busy = status === 'opening' || status === 'asking' || status === 'stopping';
  return (
    <div className={`row ${styles.source}`}>
      <p data-testid="try-source">
        {run === null ? (
          status === 'opening' && 'Looking for the model…'
        ) : (
          <>
            <strong>{learnedName({ order: run.settings.order.slice(0, run.rounds.at(-1)?.round) })}</strong>, taught{' '}
            {modelText(run.settings.model)} by {methodTitle(run.settings.method)}
            {given === null ? ', in this browser' : ` from ${given.name}`}
            {given === null && shown !== null && shown !== run.id && (
              <span data-testid="try-other"> (not the model of the run on the page)</span>
            )}
          </>
        )}
      </p>
      <span className="buttons">
        <PickFiles label="Open a run’s folder…" folder disabled={busy} testId="try-folder" take={take} />
        <PickFiles label="Open its zip…" accept=".zip" disabled={busy} testId="try-zip" take={take} />
        {given !== null && (
          <button
            type="button"
            className="button"
            disabled={busy}
            onClick={() => playground.open(access(), stored.choiceFor(page.store.getState().run.results?.id ?? null))}
          >
            Back to the last run
          </button>
        )}
      </span>
    </div>
  );
}

/** The labels of the chosen task: how often each was answered rightly after two rounds, and what was answered instead. */
function TriedLabels({ run }: { run: TriedRun }) {
  const { form } = useStore(playground.store);
  const task = run.tasks.find(({ name }) => name === form.task);
  const rows = task ? labelRows(run, testedTasks(run.settings).indexOf(task.name), task.labels, form) : [];
  if (task === undefined || rows.length === 0) return null;
  const called = (round: number): string => nameIn(run, round);
  return (
    <div className={styles.labels}>
      <Section
        level={3}
        title="Labels"
        note={`Each row is a right label of ${task.name}: how many of its test examples were answered rightly, and what was answered ${called(form.to)}. Numbers off the diagonal are labels taken for each other.`}
        testId="confusion"
      >
        <LabelTable task={task.name} labels={task.labels} rows={rows} from={called(form.from)} to={called(form.to)} />
      </Section>
    </div>
  );
}

/** Asks a run's model before training and after every round, and lists each round's answers to test examples. */
export default function TryTab() {
  const page = usePage();
  const runStatus = usePageState(({ run }) => run.status);
  const runRound = usePageState(({ run }) => roundOfRun(run));
  const runId = usePageState(({ run }) => run.results?.id ?? null);
  const stored = usePage().taught;
  const isDue = useRef(false);
  const { status, run, given, problem } = useStore(playground.store);
  const context = useTryContext();
  useEffect(() => playground.close, []);
  // A run adds rounds. Reopen for them only when no answer is being written.
  useEffect(() => {
    isDue.current = true;
  }, [runId, runStatus, runRound]);
  useEffect(() => {
    if (!isDue.current || !['closed', 'open'].includes(status)) return;
    isDue.current = false;
    if (status === 'closed' || given === null)
      playground.open(page.store.getState().access, stored.choiceFor(runId), given);
  }, [page, stored, runId, runStatus, runRound, status, given]);
  return (
    <div className="sections" data-testid="try" data-status={status}>
      <Section
        title="Ask the model"
        note="Compare its answers before training and after every task, with the probability of each label. It runs here on onnxruntime-web, as an exported ONNX model would elsewhere."
        testId="ask"
      >
        <SourceLine />
        {problem !== null && <ErrorNote title="Could not try this model" error={problem} />}
        {run !== null && <AskForm run={run} />}
        {run === null && problem === null && status === 'open' && (
          <p className="about" data-testid="nothing-to-try">
            Nothing to ask yet: a run saves a model after its first task. Start one, or drop a run’s folder or zip here.
          </p>
        )}
        <Answers />
        <p className={`help ${styles.notices}`}>
          <a href="./licenses.txt" target="_blank" rel="noreferrer">
            Licences of onnxruntime-web
          </a>{' '}
          and of the other packages in this page.
        </p>
      </Section>
      {run !== null && run.tasks.some(({ examples }) => examples > 0) && (
        <Section
          title="Test examples"
          note="Answers from the tests after each task. Compare two of them to see what was forgotten between: examples that got worse come first."
          testId="examples"
        >
          <Examples
            playground={playground}
            run={run}
            ask={{
              label: 'Ask',
              isReady: status === 'open',
              example: (_, { sentence, label, others }) => {
                playground.edit({ kind: 'task', sentence, label, others });
                playground.ask(context());
              },
            }}
          />
          <TriedLabels run={run} />
        </Section>
      )}
    </div>
  );
}
