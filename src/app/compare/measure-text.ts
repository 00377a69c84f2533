import { percent, points } from '../format.ts';
import { type Band, halfWidth, meanOf } from './statistics.ts';

/**
 * A measure over some runs in percent: `78.7 ± 1.2`, or the mean alone of a single run.
 *
 * @param values fractions; null of a run that lacks the measure.
 * @param isDifference whether the mean is signed, as backward transfer is.
 */
export function measureText(values: readonly (number | null)[], band: Band, isDifference: boolean): string {
  const known = values.filter((value) => value !== null);
  const mean = meanOf(known);
  const half = halfWidth(known, band);
  const text = isDifference ? points(mean) : percent(mean);
  return half === null ? text : `${text} ± ${percent(half)}`;
}
