import { needsBriefly } from '../../../methods/parts/method.ts';
import { methodTitle, planOf } from '../../../methods/registry.ts';
import { type WatchedSum, watchedSums } from '../../../run/results/known-before.ts';
import { type Band, type CompareState, halfWidth } from '../../state/compare.ts';
import { usePageState } from '../../state/page-context.tsx';
import { changeText, meanOf, measuresIn, SCORE_NAMES, scoreText } from '../../state/scores.ts';
import { listed } from '../../state/story.ts';
import { NONE } from '../../ui/format.ts';
import { withTerms } from '../../ui/terms.tsx';
import styles from './compare.module.css';
import { differencesOf, seedRanges, type SettingsGroup } from './settings-groups.ts';

/**
 * A measure over some runs in percent: `78.7 ± 1.2`, or the mean alone of a single run.
 *
 * @param values fractions; null of a run that lacks the measure.
 * @param isLoss whether they are losses, written as they are.
 * @param isDifference whether the mean is signed, as backward transfer is.
 */
export function measureText(
  values: readonly (number | null)[],
  band: Band,
  isDifference: boolean,
  isLoss = false,
): string {
  const known = values.filter((value) => value !== null);
  const mean = meanOf(known);
  const half = halfWidth(known, band);
  const score = isLoss ? 'loss' : 'exact';
  const text = isDifference ? changeText(score, mean) : scoreText(score, mean);
  return half === null ? text : `${text} ± ${scoreText(score, half)}`;
}

/** The values of a measure that are independent: over orders, the mean of each seed. Null where a run lacks the value. */
function independent(
  by: CompareState['by'],
  runs: SettingsGroup['runs'],
  values: readonly (number | null)[],
): readonly (number | null)[] {
  if (by !== 'orders') return values;
  return [...new Set(runs.map(({ seed }) => seed))].map((seed) =>
    meanOf(values.filter((_, i) => runs[i].seed === seed)),
  );
}

type Measure = 'averagePerformance' | 'justLearned' | 'backwardTransfer' | 'forgetting';

const MEASURES: readonly { measure: Measure; name: string; isDifference: boolean }[] = [
  { measure: 'averagePerformance', name: 'Average (AP) %', isDifference: false },
  { measure: 'justLearned', name: 'Just learned %', isDifference: false },
  { measure: 'backwardTransfer', name: 'Change since learned (BWT)', isDifference: true },
  { measure: 'forgetting', name: 'Forgotten', isDifference: false },
];

/** A longer value, such as an order of fifteen tasks, gets a wide column so that its row does not become too tall. */
const LONG = 40;

/** One row per group: what its method needs, the settings in which it differs, and its measures as mean ± the chosen band, with watched tasks. */
export function Differences({ groups }: { groups: readonly SettingsGroup[] }) {
  const score = usePageState(({ view }) => view.score);
  const band = usePageState((state) => state.compare.band);
  const by = usePageState((state) => state.compare.by);
  const differences = differencesOf(groups).filter(({ path }) => path !== 'method.name');
  const watched = watchedColumns(groups);
  const hasOtherRanks = differences.some(({ path }) => path === 'method.loraRank' || path === 'method.galoreRank');
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Settings and measures side by side">
      {hasOtherRanks && (
        <p className="about warn" data-testid="other-ranks">
          These runs have different ranks: a method that trains more numbers can be better for that alone.
        </p>
      )}
      <table className={`table ${styles.differences}`}>
        <caption className="hidden-visually">
          {groups.length > 1
            ? 'Settings that differ between the compared runs, and their measures'
            : 'Measures of the run'}
          : mean and {band === 'deviation' ? 'deviation' : '95 % interval'} over seeds
        </caption>
        <thead>
          <tr>
            <th scope="col">Method</th>
            <th scope="col">Needs</th>
            <th scope="col">Seeds</th>
            {MEASURES.map(({ name }) => (
              <th key={name} scope="col" className="number">
                {withTerms(name, 'AP', 'BWT')}
              </th>
            ))}
            {watched.map(({ name, tasks }) => (
              <th key={name} scope="col" className="number" title="Only tested: before training, and at the end">
                {withTerms(tasks, 'ROUGE-L')}
              </th>
            ))}
            {differences.map(({ path, name }) => (
              <th key={path} scope="col" title={path}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {groups.map(({ name, color, settings, runs }, i) => (
            <tr key={name}>
              <th scope="row" className="keyed cut" style={{ '--series': color }}>
                {methodTitle(settings.method)}
              </th>
              <td>{needsBriefly(planOf(settings.method))}</td>
              <td className="cut">{seedRanges(runs.map(({ seed }) => seed))}</td>
              {MEASURES.map(({ measure, isDifference }) => {
                const all = runs.map(({ results }) => measuresIn(results, score));
                const values = all.map(({ measures }) => measures[measure]);
                return (
                  <td key={measure} className="number">
                    {measureText(
                      independent(by, runs, values),
                      band,
                      isDifference,
                      all.every(({ isLoss }) => isLoss),
                    )}
                  </td>
                );
              })}
              {watched.map((column) => (
                <td key={column.name} className="number">
                  {column.text(runs, band, by)}
                </td>
              ))}
              {differences.map(({ path, values }) => (
                <td key={path} className={(values[i] ?? '').length > LONG ? styles.long : undefined}>
                  {values[i] ?? NONE}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Returns the columns of watched tasks, one for each set of them and score. */
function watchedColumns(groups: readonly SettingsGroup[]) {
  const all = groups.flatMap(({ runs }) => runs.flatMap(({ results }) => watchedSums(results)));
  const nameOf = ({ score, tasks }: WatchedSum): string => `${score} ${tasks.join()}`;
  return [...new Map(all.map((sum) => [nameOf(sum), sum]))].map(([name, { score, tasks }]) => ({
    name,
    tasks: `${listed(tasks)}, ${score === 'loss' ? 'loss' : `${SCORE_NAMES[score]} %`}`,
    text: (runs: SettingsGroup['runs'], band: Band, by: CompareState['by']): string => {
      const sums = runs.map(({ results }) => watchedSums(results).find((sum) => nameOf(sum) === name));
      if (sums.every((sum) => sum === undefined)) return NONE;
      const [before, now] = (['before', 'now'] as const).map((when) => {
        const values = sums.map((sum) => sum?.[when] ?? null);
        return measureText(independent(by, runs, values), band, false, score === 'loss');
      });
      return `${before} → ${now}`;
    },
  }));
}
