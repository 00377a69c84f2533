import { RunLabels } from '../labels/RunLabels.tsx';
import { usePageState } from '../page-context.tsx';
import { countsByOwnScores } from '../../run/settings/scoring.ts';
import type { Scoring } from './scores.ts';
import { Section } from '../ui/Section.tsx';
import { AccuracyChart } from './AccuracyChart.tsx';
import { AccuracyMatrix } from './AccuracyMatrix.tsx';
import { LossChart } from './LossChart.tsx';
import { Measures } from './Measures.tsx';
import { Reading } from './Reading.tsx';
import view from '../ui/view.module.css';
import styles from './RunTab.module.css';
import { StatusPanel } from './StatusPanel.tsx';
import { TestAnswers } from './TestAnswers.tsx';
import { HeatTool, ScoreTool } from './tools.tsx';
import { Welcome } from './Welcome.tsx';
import { WhatHappened } from './WhatHappened.tsx';

/** With more tasks than this, the matrix takes the whole width. */
const MANY_TASKS = 6;

const NOTES: Readonly<Record<Scoring, string>> = {
  main: 'Each task by its main score: unless you chose another, exact match of labels, ROUGE-L of free answers, and the loss per token of conversations and texts, where less is better.',
  exact: 'Exact: the generated answer equals the label, or a right answer.',
  ranked: 'Ranked: the correct label is the likeliest of the task’s labels.',
  rougeL: 'ROUGE-L: words in common with the best of the right answers, in order.',
  loss: 'Loss: −log p per token of the right answer; less is better.',
};

/** The current run: status, loss, accuracies, measures. Before the first run, an introduction. */
export function RunTab() {
  const idle = usePageState(({ run }) => run.status === 'idle');
  const many = usePageState(({ run }) => (run.settings?.order.length ?? 0) > MANY_TASKS);
  const score = usePageState(({ view }) => view.score);
  const hasOwn = usePageState(({ run }) => countsByOwnScores(run.results?.tasks ?? []));
  if (idle) return <Welcome />;
  return (
    <div className={view.stack}>
      <StatusPanel />
      <WhatHappened />
      <LossChart />
      <Reading />
      <Section title="Accuracy" tools={<ScoreTool />} note={NOTES[score === 'main' && !hasOwn ? 'exact' : score]}>
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
      <TestAnswers />
    </div>
  );
}
