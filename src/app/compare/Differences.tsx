import { seriesColor } from '../charts/colors.ts';
import { NONE } from '../format.ts';
import { usePageState } from '../page-context.tsx';
import styles from './CompareTab.module.css';
import { differencesOf, type SettingsGroup } from './settings-groups.ts';
import { measureText } from './measure-text.ts';

type Measure = 'averagePerformance' | 'justLearned' | 'backwardTransfer' | 'forgetting';

const MEASURES: readonly { measure: Measure; name: string; isDifference: boolean }[] = [
  { measure: 'averagePerformance', name: 'AP %', isDifference: false },
  { measure: 'justLearned', name: 'Just learned %', isDifference: false },
  { measure: 'backwardTransfer', name: 'BWT', isDifference: true },
  { measure: 'forgetting', name: 'Forgetting', isDifference: false },
];

/** Letters of a value, an order of fifteen tasks for instance, that needs a wide column so that its row is not a tower. */
const LONG = 40;

/** A row for each setting: what it has that others have not, and its measures as mean ± what the band shows over its runs. */
export function Differences({ groups }: { groups: readonly SettingsGroup[] }) {
  const score = usePageState(({ view }) => view.score);
  const band = usePageState((state) => state.compare.band);
  const differences = differencesOf(groups).filter(({ path }) => path !== 'method.name');
  return (
    <div className={styles.scroll} tabIndex={0} role="region" aria-label="Settings and measures side by side">
      <table className={styles.table}>
        <caption className="hidden-visually">
          Settings in which the compared runs differ, and the measures of each, mean and{' '}
          {band === 'deviation' ? 'deviation' : '95 % interval'} over its seeds
        </caption>
        <thead>
          <tr>
            <th scope="col">Method</th>
            <th scope="col">Seeds</th>
            {MEASURES.map(({ name }) => (
              <th key={name} scope="col" className={styles.number}>
                {name}
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
          {groups.map(({ name, settings, runs }, i) => (
            <tr key={name}>
              <th scope="row" className={styles.key} style={{ '--series': seriesColor(i) }}>
                {settings.method.name}
              </th>
              <td className={styles.seeds}>{runs.map(({ seed }) => seed).join(', ')}</td>
              {MEASURES.map(({ measure, isDifference }) => (
                <td key={measure} className={styles.number}>
                  {measureText(
                    runs.map(({ results }) => results.measures[score][measure]),
                    band,
                    isDifference,
                  )}
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
