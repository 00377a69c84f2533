import { type DragEvent, useEffect, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { pickedFromDrop } from '../models/picked-files.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { ErrorNote } from '../tasks/ErrorNote.tsx';
import { Section } from '../ui/Section.tsx';
import { Answers } from './Answers.tsx';
import { AskForm } from './AskForm.tsx';
import { Examples } from './Examples.tsx';
import { SourceLine } from './SourceLine.tsx';
import { createTryDesk } from './try-desk.ts';
import { openTryWorker } from './try-session.ts';
import styles from './TryTab.module.css';

/** One for the page, so that what was asked stays while other tabs are looked at. */
const desk = createTryDesk(openTryWorker);

/** Asks the model of a run before training and after every round, and lists what its rounds answered to test examples. */
export default function TryTab() {
  const page = usePage();
  const runStatus = usePageState(({ run }) => run.status);
  const runRound = usePageState(({ run }) => run.progress?.round ?? 0);
  const isDue = useRef(false);
  const { status, run, source, problem } = useStore(desk.store);
  const [isOver, setIsOver] = useState(false);
  useEffect(() => desk.close, []);
  // Rounds come while a run goes on. Answers that are being written are not broken off for them.
  useEffect(() => {
    isDue.current = true;
  }, [runStatus, runRound]);
  useEffect(() => {
    if (!isDue.current || !['closed', 'open'].includes(status)) return;
    isDue.current = false;
    if (status === 'closed' || source.kind === 'kept') desk.reopen(page.store.getState().access);
  }, [page, runStatus, runRound, status, source]);
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setIsOver(false);
    void pickedFromDrop(event.dataTransfer.items).then((picked) => {
      if (picked !== null) desk.open(page.store.getState().access, picked);
    });
  };
  return (
    <div
      className={styles.stack}
      data-over={isOver}
      data-testid="try"
      data-status={status}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={drop}
    >
      <Section
        title="Ask the model"
        note="See what it answers before training and after every round, and how likely it finds each label. It runs here, on onnxruntime-web, as the exported ONNX model does elsewhere."
        testId="ask"
      >
        <SourceLine desk={desk} />
        {problem !== null && <ErrorNote title="This could not be tried" error={problem} />}
        {run !== null && <AskForm desk={desk} run={run} />}
        {run === null && problem === null && status === 'open' && (
          <p className={styles.about} data-testid="nothing-to-try">
            Nothing to ask yet: a run leaves a model behind when its first round has ended. Start one, or drop the
            folder or the zip of a run here.
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
          note="What the rounds answered when they were tested. Compare two of them to see what was forgotten in between."
          testId="examples"
        >
          <Examples desk={desk} run={run} />
        </Section>
      )}
    </div>
  );
}
