import { Suspense, useState } from 'react';
import { countsByOwnScores } from '../../../run/settings/scoring.ts';
import { HeatTool, ScoreTool } from '../../shared/score-tools.tsx';
import { usePageState } from '../../state/page-context.tsx';
import { isActive } from '../../state/run-state.ts';
import type { ScoreView } from '../../state/scores.ts';
import { lazyPart } from '../../ui/lazy-part.tsx';
import { countsOf, ReadExample } from '../../ui/ReadExample.tsx';
import { Section } from '../../ui/Section.tsx';
import { withTerms } from '../../ui/Term.tsx';
import { AccuracyChart } from './AccuracyChart.tsx';
import { AccuracyMatrix } from './AccuracyMatrix.tsx';
import { LossChart } from './LossChart.tsx';
import { Measures } from './Measures.tsx';
import { RunLabels } from './RunLabels.tsx';
import { Machine, StatusPanel } from './StatusPanel.tsx';
import { Welcome } from './Welcome.tsx';
import { WhatHappened } from './WhatHappened.tsx';
import styles from './run.module.css';

/** The first example of the run exactly as the model reads it, with the tokens of its label marked. */
function Reading() {
  const reading = usePageState(({ run }) => run.reading);
  const notes = usePageState(({ run }) => run.notes);
  if (reading === null) return null;
  return (
    <Section title="What the model reads" note={countsOf(reading)}>
      <ReadExample {...reading} />
      {notes.map((note) => (
        <p key={note} className="about" data-testid="reading-note">
          {note} The embedded models have this length by design; most of their texts are far shorter.
        </p>
      ))}
    </Section>
  );
}

const RunAnswers = lazyPart(() => import('../../shared/RunAnswers.tsx'));

/** The answers of the tests once a run has ended: at once if some are free, since scores alone say little of them. */
function TestAnswers() {
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
      note="Each test example with its right answer and what the model wrote after two tasks: at first the one itself, and the last. Those that got worse come first."
      testId="run-answers"
    >
      {isShown ? (
        <Suspense fallback={<p>Loading…</p>}>
          <RunAnswers key={id} runId={id} />
        </Suspense>
      ) : (
        <button type="button" data-testid="show-answers" onClick={() => setAsked(id)}>
          Show the answers
        </button>
      )}
    </Section>
  );
}

/** With more tasks than this, the matrix takes the whole width. */
const MANY_TASKS = 6;

const NOTES: Readonly<Record<ScoreView, string>> = {
  main: 'Each task by its main score: unless you chose another, exact match of labels, ROUGE-L of free answers, and the loss per token of conversations and texts, where less is better.',
  exact: 'Exact answer: the generated answer equals the label, or a right answer.',
  ranked: 'Likeliest label (ranked): the correct label is the likeliest of the task’s labels.',
  rougeL: 'Words in common (ROUGE-L): words in common with the best of the right answers, in order.',
  loss: 'Surprise (loss): −log p per token of the right answer; less is better.',
};

/**
 * The current run: its loss first while it trains; once it has ended, what it learned and forgot. Before the first run, an
 * introduction.
 */
export function RunTab() {
  const idle = usePageState(({ run }) => run.status === 'idle');
  const active = usePageState(({ run }) => isActive(run.status));
  const many = usePageState(({ run }) => (run.settings?.order.length ?? 0) > MANY_TASKS);
  const score = usePageState(({ view }) => view.score);
  const hasOwn = usePageState(({ run }) => countsByOwnScores(run.results?.tasks ?? []));
  if (idle) return <Welcome />;
  const loss = <LossChart key="loss" />;
  const reading = <Reading key="reading" />;
  const accuracy = (
    <Section
      key="accuracy"
      title="Accuracy"
      tools={<ScoreTool />}
      note={withTerms(NOTES[score === 'main' && !hasOwn ? 'exact' : score], 'ROUGE-L', 'ranked', 'token')}
    >
      <div className={styles.pair} data-many={many}>
        <Section
          level={3}
          title="After each task"
          note="Each row is a test after learning one task. Numbers that fall down a column show forgetting. Hatched: not tested."
          tools={<HeatTool />}
        >
          <AccuracyMatrix />
        </Section>
        <Section
          level={3}
          title="Each task over the run"
          note="A ring marks where a task was learned; lines are dotted before that, and dashed for tasks that are only tested."
        >
          <AccuracyChart />
        </Section>
      </div>
      <RunLabels />
      <Measures />
    </Section>
  );
  return (
    <div className="sections">
      <StatusPanel />
      <WhatHappened />
      {active ? [loss, reading, accuracy] : [accuracy, <TestAnswers key="answers" />, loss, reading]}
      <Machine />
    </div>
  );
}
