import { deviation, mean, studentHalfWidth } from '../../base/statistics.ts';

/** Mean of numbers; null if there are none. */
export const meanOf = (values: readonly number[]): number | null => (values.length === 0 ? null : mean(values));

/** Meaning of a band over seeds: the standard deviation of the runs, or the 95 % interval of the mean. */
export type Band = 'deviation' | 'interval';

/** Half the width of the band around the mean of some runs; null for fewer than two. */
export function halfWidth(values: readonly number[], band: Band): number | null {
  if (values.length < 2) return null;
  return band === 'deviation' ? deviation(values) : studentHalfWidth(values);
}
