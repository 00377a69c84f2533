import { useEffect, useState } from 'react';
import { useStore } from 'zustand';
import { usePage } from '../state/page-context.tsx';
import { useTaught } from '../state/taught-models.ts';
import { createTryDesk, openTryWorker, tryDesk } from '../state/try-desk.ts';
import { ErrorNote } from '../ui/errors.tsx';
import view from '../ui/view.module.css';
import { Examples } from './Examples.tsx';

/** The answers of a run's tests, from the rounds that this browser has stored. */
export default function RunAnswers({ runId }: { runId: string | null }) {
  const { store, look } = usePage();
  const stored = useTaught();
  const [desk] = useState(() => createTryDesk(openTryWorker));
  const { status, run, problem } = useStore(desk.store);
  useEffect(() => {
    desk.open(store.getState().access, stored.choiceFor(runId));
    return desk.close;
  }, [desk, store, stored, runId]);
  if (problem !== null) return <ErrorNote error={problem} title="Could not read the answers" />;
  if (run === null && status !== 'open') return <p className={view.about}>Reading the answers…</p>;
  if (run?.id !== runId || run === null) {
    return (
      <p className={view.about} data-testid="no-answers">
        The rounds of this run are no longer stored in this browser, so its answers cannot be shown.
      </p>
    );
  }
  return (
    <Examples
      desk={desk}
      run={run}
      ask={{
        label: 'Try it',
        isReady: true,
        example: (task, { sentence, label, others }) => {
          tryDesk.edit({ kind: 'task', task, sentence, label, others });
          look({ tab: 'try' });
        },
      }}
    />
  );
}
