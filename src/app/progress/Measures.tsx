import { firstRounds, measuresOf } from '../../run/measures.ts';
import { percent, points } from '../format.ts';
import { usePageState } from '../page-context.tsx';
import { Section } from '../ui/Section.tsx';
import { roundsTested } from './matrix.ts';
import styles from './Measures.module.css';

/** The measures of docs/method.md, eq. (21), over the rounds so far. */
export function Measures() {
  const matrix = usePageState(({ run, view }) => run[view.score]);
  const tasks = usePageState(({ run }) => run.plan?.tasks.length ?? 0);
  const tested = roundsTested(matrix);
  const measures = measuresOf(firstRounds(matrix, tested));
  const t = tested;
  return (
    <Section
      level={3}
      title="Measures"
      note={
        tested === 0
          ? 'Available after the first task.'
          : tested < tasks
            ? `After ${tested} of ${tasks} tasks, as if the run ended here.`
            : 'R[t][j] is the accuracy on task j after learning task t; R[0] is before training.'
      }
      testId="measures"
    >
      <dl className={styles.list}>
        <Measure
          name="Average performance"
          short="AP"
          value={percent(measures.averagePerformance)}
          unit="%"
          formula="mean of R[T][j] over all j"
          about={`Mean accuracy over the learned tasks, at the end (T = ${t}).`}
        />
        <Measure
          name="Just learned"
          short="JL"
          value={percent(measures.justLearned)}
          unit="%"
          formula="mean of R[j][j] over all j"
          about="Mean accuracy of each task right after it was learned: how well the model still learns."
        />
        <Measure
          name="Backward transfer"
          short="BWT"
          value={points(measures.backwardTransfer)}
          unit="points"
          formula="mean of R[T][j] − R[j][j] over j < T"
          about="How later tasks changed earlier ones (Lopez-Paz and Ranzato); negative means forgetting."
        />
        <Measure
          name="Forgetting"
          short="F"
          value={points(measures.forgetting).replace(/^[+±]/, '')}
          unit="points"
          formula="mean of maxₜ R[t][j] − R[T][j] over j < T"
          about="Drop from the best accuracy on each task to the last. The last counts too, so it is never negative."
        />
        <Measure
          name="Forward transfer"
          short="FWT"
          value={points(measures.forwardTransfer)}
          unit="points"
          formula="mean of R[j−1][j] − R[0][j] over j > 1"
          about="How much earlier tasks help a task before it is learned. Needs tests of tasks not learned yet."
        />
      </dl>
    </Section>
  );
}

interface Props {
  name: string;
  short: string;
  value: string;
  unit: string;
  formula: string;
  about: string;
}

function Measure({ name, short, value, unit, formula, about }: Props) {
  return (
    <div className={styles.measure} title={`${short} = ${formula}. ${about}`} data-testid={`measure-${short}`}>
      <dt className={styles.name}>
        {name} <abbr className={styles.short}>{short}</abbr>
      </dt>
      <dd className={styles.value}>
        {value}
        {/\d/.test(value) && <span className={styles.unit}> {unit}</span>}
      </dd>
      <dd className={styles.formula}>{formula}</dd>
    </div>
  );
}
