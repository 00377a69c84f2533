import { usePageState } from '../page-context.tsx';
import { Section } from '../ui/Section.tsx';
import { AccuracyChart } from './AccuracyChart.tsx';
import { AccuracyMatrix } from './AccuracyMatrix.tsx';
import { LossChart } from './LossChart.tsx';
import { Measures } from './Measures.tsx';
import { Reading } from './Reading.tsx';
import view from '../ui/view.module.css';
import styles from './RunTab.module.css';
import { StatusPanel } from './StatusPanel.tsx';
import { HeatTool, ScoreTool } from './tools.tsx';
import { Welcome } from './Welcome.tsx';
import { WhatHappened } from './WhatHappened.tsx';

/** With more tasks than this, the matrix takes the whole width. */
const MANY_TASKS = 6;

/** The current run: status, loss, accuracies, measures. Before the first run, an introduction. */
export function RunTab() {
  const idle = usePageState(({ run }) => run.status === 'idle');
  const many = usePageState(({ run }) => (run.settings?.order.length ?? 0) > MANY_TASKS);
  const score = usePageState(({ view }) => view.score);
  if (idle) return <Welcome />;
  return (
    <div className={view.stack}>
      <StatusPanel />
      <WhatHappened />
      <LossChart />
      <Reading />
      <Section
        title="Accuracy"
        tools={<ScoreTool />}
        note={
          score === 'exact'
            ? 'Exact: the generated answer equals the label.'
            : 'Ranked: the correct label is the likeliest of the task’s labels.'
        }
      >
        <div className={styles.pair} data-many={many}>
          <Section
            level={3}
            title="After each task"
            note="Each row is a test after learning one task. Numbers that fall down a column show forgetting. Hatched: not tested, since the task comes later."
            tools={<HeatTool />}
          >
            <AccuracyMatrix />
          </Section>
          <Section
            level={3}
            title="Each task over the run"
            note="A ring marks where a task was learned; lines are dotted before that."
          >
            <AccuracyChart />
          </Section>
        </div>
        <Measures />
      </Section>
    </div>
  );
}
