/** Mean of numbers; null if there are none. */
export const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Standard deviation of a sample (divided by n − 1); null for fewer than two. */
export function deviationOf(values: readonly number[]): number | null {
  const mean = meanOf(values);
  if (mean === null || values.length < 2) return null;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** Quantiles of Student's t that leave 2.5 % above, by degrees of freedom from 1. */
const T_975 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** The quantile that leaves 2.5 % above; beyond the table, by its expansion in 1/ν (Abramowitz & Stegun 26.7.5). */
function t975(freedom: number): number {
  const z = 1.959964;
  return T_975[freedom - 1] ?? z + (z ** 3 + z) / (4 * freedom);
}

/** Meaning of a band over seeds: the standard deviation of the runs, or the 95 % interval of the mean. */
export type Band = 'deviation' | 'interval';

/** Half the width of the band around the mean of some runs; null for fewer than two. */
export function halfWidth(values: readonly number[], band: Band): number | null {
  const deviation = deviationOf(values);
  if (deviation === null || band === 'deviation') return deviation;
  return (t975(values.length - 1) * deviation) / Math.sqrt(values.length);
}
