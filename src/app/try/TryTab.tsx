import { useEffect, useRef } from 'react';
import { useStore } from 'zustand';
import { usePage, usePageState } from '../page-context.tsx';
import { roundOfRun } from '../run-state.ts';
import { useStoredRounds } from '../results/saved-rounds-context.tsx';
import { ErrorNote } from '../tasks/ErrorNote.tsx';
import { Section } from '../ui/Section.tsx';
import { Answers } from './Answers.tsx';
import { AskForm } from './AskForm.tsx';
import { Examples } from './Examples.tsx';
import { SourceLine } from './SourceLine.tsx';
import { tryDesk as desk } from './shared-desk.ts';
import { useTryContext } from './use-try-context.ts';
import { TriedLabels } from './TriedLabels.tsx';
import styles from './TryTab.module.css';

/** Asks a run's model before training and after every round, and lists each round's answers to test examples. */
export default function TryTab() {
  const page = usePage();
  const runStatus = usePageState(({ run }) => run.status);
  const runRound = usePageState(({ run }) => roundOfRun(run));
  const runId = usePageState(({ run }) => run.results?.id ?? null);
  const stored = useStoredRounds();
  const isDue = useRef(false);
  const { status, run, source, problem } = useStore(desk.store);
  const context = useTryContext();
  useEffect(() => desk.close, []);
  // A run adds rounds. Reopen for them only when no answer is being written.
  useEffect(() => {
    isDue.current = true;
  }, [runId, runStatus, runRound]);
  useEffect(() => {
    if (!isDue.current || !['closed', 'open'].includes(status)) return;
    isDue.current = false;
    if (status === 'closed' || source.kind === 'kept')
      desk.reopen(page.store.getState().access, stored.choiceFor(runId));
  }, [page, stored, runId, runStatus, runRound, status, source]);
  return (
    <div className={styles.stack} data-testid="try" data-status={status}>
      <Section
        title="Ask the model"
        note="Compare its answers before training and after every round, with the probability of each label. It runs here on onnxruntime-web, as an exported ONNX model would elsewhere."
        testId="ask"
      >
        <SourceLine desk={desk} />
        {problem !== null && <ErrorNote title="Could not try this model" error={problem} />}
        {run !== null && <AskForm desk={desk} run={run} />}
        {run === null && problem === null && status === 'open' && (
          <p className={styles.about} data-testid="nothing-to-try">
            Nothing to ask yet: a run saves a model after its first round. Start one, or drop a run’s folder or zip
            here.
          </p>
        )}
        <Answers desk={desk} />
        <p className={styles.notices}>
          <a href="./licenses.txt" target="_blank" rel="noreferrer">
            Licences of onnxruntime-web
          </a>{' '}
          and of the other packages in this page.
        </p>
      </Section>
      {run !== null && run.tasks.length > 0 && (
        <Section
          title="Test examples"
          note="Answers from the tests after each round. Compare two rounds to see what was forgotten between them: examples that got worse come first."
          testId="examples"
        >
          <Examples
            desk={desk}
            run={run}
            ask={{
              label: 'Ask',
              isReady: status === 'open',
              example: (_, { sentence, label, others }) => {
                desk.edit({ kind: 'task', sentence, label, others });
                desk.ask(context());
              },
            }}
          />
          <TriedLabels desk={desk} run={run} />
        </Section>
      )}
    </div>
  );
}
