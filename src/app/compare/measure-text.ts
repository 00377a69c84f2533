import { changeText, scoreText } from '../progress/scores.ts';
import { type Band, halfWidth, meanOf } from './statistics.ts';

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
