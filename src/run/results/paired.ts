import type { Turned } from '../../base/proportions.ts';
import type { Results } from './results-fields.ts';

/** Yes and no as hexadecimal digits of four each, the first in the highest bit. */
export function bitsText(values: readonly boolean[]): string {
  let text = '';
  for (let i = 0; i < values.length; i += 4) {
    text += [8, 4, 2, 1].reduce((digit, bit, j) => digit + (values[i + j] ? bit : 0), 0).toString(16);
  }
  return text;
}

/**
 * How the answers to a task's tests turned from a round to another; null if it is not known which were right.
 *
 * @param task index in the order, from 0.
 */
export function turnedBetween(
  { right = [] }: Pick<Results, 'right'>,
  score: 'exact' | 'ranked',
  task: number,
  [from, to]: readonly [from: number, to: number],
): Turned | null {
  const [before, after] = [from, to].map(
    (round) => right.find((one) => one.round === round && one.task === task + 1)?.[score],
  );
  if (before === undefined || after === undefined || before.length !== after.length) return null;
  const turned = { wrong: 0, right: 0 };
  for (let i = 0; i < before.length; i++) {
    const [was, is] = [parseInt(before[i], 16), parseInt(after[i], 16)];
    for (const bit of [8, 4, 2, 1]) {
      if (was & bit && !(is & bit)) turned.wrong++;
      if (is & bit && !(was & bit)) turned.right++;
    }
  }
  return turned;
}
