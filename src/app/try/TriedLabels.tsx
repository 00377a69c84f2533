import { useStore } from 'zustand';
import { testedTasks } from '../../run/settings/settings.ts';
import type { TriedRun } from '../../worker/try/messages.ts';
import styles from './TryTab.module.css';
import { labelRows } from '../labels/label-rows.ts';
import { LabelTable } from '../labels/LabelTable.tsx';
import { Section } from '../ui/Section.tsx';
import type { TryDesk } from './try-desk.ts';
import { UNTRAINED } from './try-state.ts';

/** The labels of the chosen task: how often each was answered rightly after two rounds, and what was answered instead. */
export function TriedLabels({ desk, run }: { desk: TryDesk; run: TriedRun }) {
  const { form } = useStore(desk.store);
  const task = run.tasks.find(({ name }) => name === form.task);
  const rows = task ? labelRows(run, testedTasks(run.settings).indexOf(task.name), task.labels, form) : [];
  if (task === undefined || rows.length === 0) return null;
  const called = (round: number): string =>
    round === 0 ? UNTRAINED : `after ${run.rounds.find((one) => one.round === round)?.name ?? round}`;
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
