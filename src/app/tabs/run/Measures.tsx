import type { Measures as RunMeasures } from '../../../run/results/results.ts';
import { usePageState } from '../../state/page-context.tsx';
import { changeText, matrixOf, measuresIn, roundsTested, scoreText } from '../../state/scores.ts';
import { Section } from '../../ui/blocks.tsx';
import { withTerms } from '../../ui/terms.tsx';
import styles from './run.module.css';

interface Measure {
  name: string;
  /** The term of the field, and its abbreviation. */
  term: string;
  short: string;
  unit: string;
  about: string;
  formula: string;
  source?: string;
  value: (measures: RunMeasures) => number | null;
  /** Whether it is a difference: always signed, or never. */
  sign: 'none' | 'signed' | 'bare';
}

/** docs/method.md, eq. (21). */
const MEASURES: readonly Measure[] = [
  {
    name: 'Average',
    term: 'average performance',
    short: 'AP',
    unit: '%',
    about: 'Mean accuracy over the learned tasks, at the end.',
    formula: 'mean of R[T][j] over all j',
    value: ({ averagePerformance }) => averagePerformance,
    sign: 'none',
  },
  {
    name: 'Just learned',
    term: 'learning accuracy',
    short: 'JL',
    unit: '%',
    about: 'Mean accuracy of each task right after it was learned: how well the model still learns.',
    formula: 'mean of R[j][j] over all j',
    value: ({ justLearned }) => justLearned,
    sign: 'none',
  },
  {
    name: 'Change since learned',
    term: 'backward transfer',
    short: 'BWT',
    unit: 'points',
    about: 'How later tasks changed earlier ones; negative means forgetting.',
    formula: 'mean of R[T][j] − R[j][j] over j < T',
    source: 'after Lopez-Paz and Ranzato 2017',
    value: ({ backwardTransfer }) => backwardTransfer,
    sign: 'signed',
  },
  {
    name: 'Forgotten',
    term: 'forgetting',
    short: 'F',
    unit: 'points',
    about: 'Drop from the best accuracy on each task to the last, which counts too: never negative.',
    formula: 'mean of maxₜ R[t][j] − R[T][j] over j < T',
    source: 'after Chaudhry et al. 2018',
    value: ({ forgetting }) => forgetting,
    sign: 'bare',
  },
  {
    name: 'Head start',
    term: 'forward transfer',
    short: 'FWT',
    unit: 'points',
    about: 'How much earlier tasks help a task before it is learned.',
    formula: 'mean of R[j−1][j] − R[0][j] over j > 1',
    source: 'after Lopez-Paz and Ranzato 2017',
    value: ({ forwardTransfer }) => forwardTransfer,
    sign: 'signed',
  },
];

/** Of a loss, a rise means forgetting. */
const lossWords = (about: string): string =>
  about
    .replace('accuracy', 'loss')
    .replace('negative means', 'positive means')
    .replace('the best loss', 'the least loss');

function textOf(sign: Measure['sign'], value: number | null, isLoss: boolean): string {
  const score = isLoss ? 'loss' : 'exact';
  if (sign === 'none') return scoreText(score, value);
  const text = changeText(score, value);
  return sign === 'bare' ? text.replace(/^[+±]/, '') : text;
}

/** The measures of docs/method.md, eq. (21), over the rounds so far. */
export function Measures() {
  const results = usePageState(({ run }) => run.results);
  const view = usePageState((state) => state.view.score);
  const tasks = results?.settings.order.length ?? 0;
  const tested = roundsTested(matrixOf(results, view));
  const { measures, isLoss, note: over } = measuresIn(results, view, tested);
  return (
    <Section
      level={3}
      title="Measures"
      note={
        tested === 0
          ? 'Available after the first task.'
          : tested < tasks
            ? `After ${tested} of ${tasks} tasks, as if the run ended here. ${over ?? ''}`
            : (over ?? undefined)
      }
      testId="measures"
    >
      <dl className={styles.measures}>
        {MEASURES.map(({ short, name, term, about, unit, value, sign }) => (
          <div key={short} data-testid={`measure-${short}`}>
            <dt className="small">
              {name} <abbr title={term}>{withTerms(short, 'AP', 'BWT')}</abbr>
            </dt>
            <dd className={styles.value}>
              {textOf(sign, value(measures), isLoss)}
              {value(measures) !== null && <span className={styles.unit}> {isLoss ? 'per token' : unit}</span>}
            </dd>
            <dd className={`help ${styles.what}`}>{isLoss ? lossWords(about) : about}</dd>
          </div>
        ))}
      </dl>
      <details className={`about ${styles.formulas}`}>
        <summary>Formulas</summary>
        <p>
          R[t][j] is the accuracy on task j after learning task t, R[0] before training, and T = {Math.max(tested, 1)}{' '}
          the number of tasks learned.
        </p>
        <ul>
          {MEASURES.map(({ short, formula, source }) => (
            <li key={short}>
              {short} = {formula}
              {source !== undefined && `, ${source}`}
            </li>
          ))}
        </ul>
      </details>
    </Section>
  );
}
