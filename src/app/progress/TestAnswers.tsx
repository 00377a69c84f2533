import { Suspense, useState } from 'react';
import { usePageState } from '../page-context.tsx';
import { isActive } from '../run-state.ts';
import buttons from '../ui/buttons.module.css';
import { lazyPart } from '../ui/lazy-part.tsx';
import { Section } from '../ui/Section.tsx';

const RunAnswers = lazyPart(() => import('../try/RunAnswers.tsx'));

/** The answers of the tests once a run has ended: at once if some are free, since scores alone say little of them. */
export function TestAnswers() {
  const results = usePageState(({ run }) => (isActive(run.status) ? null : run.results));
  const [asked, setAsked] = useState<string | null>(null);
  if (results === null) return null;
  const { id = null, tasks, accuracy } = results;
  const written = tasks.filter(({ form }) => form !== 'text');
  const isTested = accuracy.exact.some((row, round) => round > 0 && row.some((value) => value !== null));
  if (id === null || written.length === 0 || !isTested) return null;
  const isShown = asked === id || written.some(({ form = 'labels' }) => form !== 'labels');
  return (
    <Section
      title="Answers of the tests"
      note="Each test example with its right answer and what the model wrote after two rounds: at first the one in which the task was learned, and the last. Those that got worse come first."
      testId="run-answers"
    >
      {isShown ? (
        <Suspense fallback={<p>Loading…</p>}>
          <RunAnswers key={id} runId={id} />
        </Suspense>
      ) : (
        <button type="button" className={buttons.plain} data-testid="show-answers" onClick={() => setAsked(id)}>
          Show the answers
        </button>
      )}
    </Section>
  );
}
