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

/** More tasks than this need the whole width for their matrix. */
const MANY_TASKS = 6;

/** The run as it goes: where it is, loss, accuracies, measures. Before the first run, what will happen. */
export function RunTab() {
  const idle = usePageState(({ run }) => run.status === 'idle');
  const many = usePageState(({ run }) => (run.settings?.order.length ?? 0) > MANY_TASKS);
  const score = usePageState(({ view }) => view.score);
  if (idle) return <Welcome />;
  return (
    <div className={view.stack}>
      <StatusPanel />
      <LossChart />
      <Reading />
      <Section
        title="Accuracy"
        tools={<ScoreTool />}
        note={
          score === 'exact'
            ? 'Exact: the answer that the model writes by itself equals the label.'
            : 'Ranked: the right label is the likeliest among the task’s own labels.'
        }
      >
        <div className={styles.pair} data-many={many}>
          <Section
            level={3}
            title="After each task"
            note="A row is a test of all tasks after learning one. Down a column, a task is kept or forgotten."
            tools={<HeatTool />}
          >
            <AccuracyMatrix />
          </Section>
          <Section
            level={3}
            title="Each task over the run"
            note="A ring marks where the task itself was learned; dotted is before."
          >
            <AccuracyChart />
          </Section>
        </div>
        <Measures />
      </Section>
    </div>
  );
}
