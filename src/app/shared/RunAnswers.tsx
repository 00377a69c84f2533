import { useEffect, useState } from 'react';
import { useStore } from 'zustand';
import { usePage } from '../state/page-context.tsx';
import { useTaught } from '../state/taught-models.ts';
import { createPlayground, openTryWorker, playground } from '../state/playground.ts';
import { ErrorNote } from '../ui/errors.tsx';
import { Examples } from './Examples.tsx';

/** The answers of a run's tests, from the rounds that this browser has stored. */
export default function RunAnswers({ runId }: { runId: string | null }) {
  const { store, changeView } = usePage();
  const stored = useTaught();
  const [own] = useState(() => createPlayground(openTryWorker));
  const { status, run, problem } = useStore(own.store);
  useEffect(() => {
    own.open(store.getState().access, stored.choiceFor(runId));
    return own.close;
  }, [own, store, stored, runId]);
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
