import { useState } from 'react';
import { csvLine } from '../../../base/visible.ts';
import { mcnemarP } from '../../../base/proportions.ts';
import { answersOfBoth } from '../../../run/results/answers.ts';
import {
  type Difference,
  holm,
  type Interval,
  seedMeans,
  studentInterval,
  studentP,
} from '../../../run/results/paired-runs.ts';
import { pText } from '../../../run/results/study-report.ts';
import { TEST_COLUMNS, testsOf, texTable } from '../../../run/results/tables.ts';
import { usePageState } from '../../state/page-context.tsx';
import { changeText, measuresIn, type ScoreView } from '../../state/scores.ts';
import { Choice } from '../../ui/controls.tsx';
import { download } from '../../ui/download.ts';
import { PlainTable, Section } from '../../ui/blocks.tsx';
import type { SettingsGroup } from './settings-groups.ts';

/** A group compared with another, run by run. */
interface Contrast {
  readonly name: string;
  readonly interval: Interval;
  readonly isLoss: boolean;
  readonly pairs: number;
  readonly p: number | null;
  /** The pairs that p compares: seeds, or, of a single pair, the answers to its tests. */
  readonly by: 'seeds' | 'answers';
  readonly holmP: number | null;
}

type Run = SettingsGroup['runs'][number];

const orderOf = ({ results }: Run): string => results.settings.order.join(', ');

function averageOf({ results }: Run, score: ScoreView): { value: number | null; isLoss: boolean } {
  const { measures, isLoss } = measuresIn(results, score);
  return { value: measures.averagePerformance, isLoss };
}

/**
 * One group less each other by AP, paired by seed and order; p by Student's t over the seeds, each the mean over its
 * orders, or of a single pair by McNemar's test of the answers. Corrected by Holm over all of them.
 */
export function contrastsOf(one: SettingsGroup, others: readonly SettingsGroup[], score: ScoreView): Contrast[] {
  const orders = [...new Set([one, ...others].flatMap(({ runs }) => runs.map(orderOf)))];
  const found = others.flatMap((other): Omit<Contrast, 'holmP'>[] => {
    const pairs = one.runs.flatMap((run) => {
      const match = other.runs.find((own) => own.seed === run.seed && orderOf(own) === orderOf(run));
      return match === undefined ? [] : [[run, match] as const];
    });
    const differences = pairs.flatMap(([mine, theirs]): Difference[] => {
      const [a, b] = [averageOf(mine, score), averageOf(theirs, score)];
      if (a.value === null || b.value === null || a.isLoss !== b.isLoss) return [];
      return [{ seed: mine.seed, order: orders.indexOf(orderOf(mine)), value: a.value - b.value }];
    });
    if (differences.length === 0) return [];
    const bySeed = seedMeans(differences);
    const isExact = score === 'exact' || score === 'main';
    const answers = pairs.length === 1 && isExact ? answersOfBoth(pairs[0][0].results, pairs[0][1].results) : null;
    return [
      {
        name: other.name,
        interval: studentInterval(bySeed),
        isLoss: averageOf(pairs[0][0], score).isLoss,
        pairs: differences.length,
        p: answers === null ? studentP(bySeed) : mcnemarP(answers),
        by: answers === null ? 'seeds' : 'answers',
      },
    ];
  });
  const corrected = holm(found.map(({ p }) => p));
  return found.map((contrast, i) => ({ ...contrast, holmP: corrected[i] }));
}

function differenceText({ interval: { mean, low, high }, isLoss }: Contrast): string {
  const score = isLoss ? 'loss' : 'exact';
  const text = changeText(score, mean);
  return low === null || high === null ? text : `${text} [${changeText(score, low)}, ${changeText(score, high)}]`;
}

/** Every test of the compared runs as tidy CSV. */
export function testsCsv(groups: readonly SettingsGroup[]): string {
  const lines = groups.flatMap(({ name, runs }) =>
    runs.flatMap((run) => testsOf(run.results).map((test) => csvLine([name, orderOf(run), run.seed, ...test]))),
  );
  return csvLine(['method', 'order', 'seed', ...TEST_COLUMNS]) + lines.join('');
}

/** The measures of each group as LaTeX: percent with 95 % intervals over seeds, each the mean over its orders. */
export function measuresTex(groups: readonly SettingsGroup[], score: ScoreView): string {
  const names = ['averagePerformance', 'justLearned', 'backwardTransfer', 'forgetting'] as const;
  const rows = groups.map(({ name, runs }) => [
    name,
    ...names.map((measure) => {
      const values = runs.flatMap(({ seed, results }): Difference[] => {
        const { measures, isLoss } = measuresIn(results, score);
        const value = measures[measure];
        return value === null ? [] : [{ seed, order: 0, value: isLoss ? value : 100 * value }];
      });
      return values.length === 0 ? null : studentInterval(seedMeans(values));
    }),
  ]);
  return `${texTable('gorp-web: compared runs', ['method', 'AP', 'just learned', 'BWT', 'forgetting'], rows)}\n`;
}

const NOTE =
  'AP of one less that of each other on the same seeds and orders, with 95 % intervals over seeds. p is Student’s over the seeds, each the mean over its orders; of a single pair McNemar’s, of the answers to the same tests. Holm’s correction is over the table.';

/** A group less each other, run by run, and the numbers of all as files for a paper. */
export function PairedDifferences({ groups }: { groups: readonly SettingsGroup[] }) {
  const score = usePageState(({ view }) => view.score);
  const [chosen, setChosen] = useState<string | null>(null);
  const one = groups.find(({ name }) => name === chosen) ?? groups[0];
  const others = groups.filter((group) => group !== one);
  const contrasts = contrastsOf(one, others, score);
  const choice = (
    <Choice
      label="Of"
      testId="paired-of"
      options={groups.map(({ name }) => ({ value: name, label: name }))}
      value={one.name}
      onChange={setChosen}
    />
  );
  return (
    <Section title="Paired differences" testId="paired" note={NOTE} tools={others.length > 0 ? choice : undefined}>
      {contrasts.length === 0 ? (
        <p className="about">No other setting has a run on the same seed and order.</p>
      ) : (
        <PlainTable
          label={`AP of ${one.name} less that of each other`}
          head={['Less', 'Difference of AP', 'Pairs', 'p', 'Holm p']}
          rows={contrasts.map((contrast) => [
            contrast.name,
            differenceText(contrast),
            contrast.pairs,
            pText(contrast.p) + (contrast.by === 'answers' ? ' (answers)' : ''),
            pText(contrast.holmP),
          ])}
        />
      )}
      <div className="buttons spaced">
        <button
          type="button"
          data-testid="compare-tex"
          onClick={() => download(new Blob([measuresTex(groups, score)]), 'gorp-web-compare.tex')}
        >
          Measures as LaTeX
        </button>
        <button
          type="button"
          data-testid="compare-csv"
          onClick={() => download(new Blob([testsCsv(groups)], { type: 'text/csv' }), 'gorp-web-compare-tests.csv')}
        >
          Every test as CSV
        </button>
      </div>
    </Section>
  );
}
