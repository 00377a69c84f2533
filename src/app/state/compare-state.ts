import type { ErrorReport } from '../../base/errors.ts';
import { deviation, mean, studentHalfWidth } from '../../base/statistics.ts';
import type { Results } from '../../run/results/results.ts';

/** Mean of numbers; null if there are none. */
export const meanOf = (values: readonly number[]): number | null => (values.length === 0 ? null : mean(values));

/** Meaning of a band over seeds: the standard deviation of the runs, or the 95 % interval of the mean. */
export type Band = 'deviation' | 'interval';

/** Half the width of the band around the mean of some runs; null for fewer than two. */
export function halfWidth(values: readonly number[], band: Band): number | null {
  if (values.length < 2) return null;
  return band === 'deviation' ? deviation(values) : studentHalfWidth(values);
}

/** Which runs are compared, and how they are drawn. */
export interface CompareState {
  /** Keys of the ticked runs, in the order they were ticked. */
  readonly ticked: readonly string[];
  /** Full results of the ticked runs read so far. */
  readonly opened: ReadonlyMap<string, Results>;
  /** One line per run, or the mean of each group of runs. */
  readonly by: 'run' | 'setting';
  readonly band: Band;
  /** Task whose accuracy is shown; null for the first one. */
  readonly task: string | null;
  readonly logLoss: boolean;
  readonly logSteps: boolean;
  /** Bytes written of the current archive; null when none is being written. */
  readonly zipping: number | null;
  /** Why the last action failed. */
  readonly problem: ErrorReport | null;
}

export const NOTHING_COMPARED: CompareState = {
  ticked: [],
  opened: new Map(),
  by: 'setting',
  band: 'deviation',
  task: null,
  logLoss: false,
  logSteps: false,
  zipping: null,
  problem: null,
};

/** The full results read so far, in the order the runs were ticked. */
export const comparedResults = ({ ticked, opened }: CompareState): Results[] =>
  ticked.map((key) => opened.get(key)).filter((results) => results !== undefined);
