import { measuredBy } from '../measures.ts';
import type { Results } from '../results.ts';
import { mean } from './statistics.ts';

/** The measures of a run, in percent; null if its matrix lacks an entry. */
export const MEASURES = {
  ap: 'AP exact',
  apRanked: 'AP ranked',
  anytime: 'anytime AP',
  bwt: 'BWT',
  forgetting: 'forgetting',
  fwt: 'FWT',
  justLearned: 'just learned',
  intransigence: 'intransigence',
  worst: 'worst task',
} as const;
export type MeasureName = keyof typeof MEASURES;
export type Measured = Readonly<Record<MeasureName, number | null>>;

/** R[t][t] in percent, by position. */
export const justLearnedOf = ({ accuracy }: Results): (number | null)[] =>
  accuracy.exact.slice(1).map((row, at) => (row[at] === null ? null : 100 * row[at]));

/** Every measure that a run has of its own. */
export function measuredOf({ measures: { exact, ranked }, accuracy, tasks }: Results): Omit<Measured, 'intransigence'> {
  const percent = (value: number | null): number | null => (value === null ? null : 100 * value);
  const curve = exact.averagePerformanceCurve.flatMap((value) => value ?? []);
  const last = measuredBy(tasks, 'exact').columns.map((task) => accuracy.exact.at(-1)?.[task] ?? null);
  const tested = last.flatMap((value) => value ?? []);
  return {
    ap: percent(exact.averagePerformance),
    apRanked: percent(ranked.averagePerformance),
    anytime: curve.length === exact.averagePerformanceCurve.length ? percent(mean(curve)) : null,
    bwt: percent(exact.backwardTransfer),
    forgetting: percent(exact.forgetting),
    fwt: percent(exact.forwardTransfer),
    justLearned: percent(exact.justLearned),
    worst: tested.length > 0 && tested.length === last.length ? percent(Math.min(...tested)) : null,
  };
}
