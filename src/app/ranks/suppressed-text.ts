import { percent } from '../format.ts';

/** A direction is almost closed to later tasks if at least this share of it is suppressed. */
const CLOSED = 0.99;

/**
 * What later tasks can still change of a task's main directions, in words.
 *
 * @param shares how much of each is suppressed, at least one.
 */
export function suppressedText(task: string, shares: readonly number[]): string {
  const { length: count } = shares;
  const closed = shares.filter((share) => share >= CLOSED).length;
  const least = Math.min(...shares);
  const directions = count === 1 ? 'The main direction' : `The ${count} main directions`;
  if (closed === count)
    return `${directions} of ${task} ${count === 1 ? 'is' : 'are'} almost closed to later tasks: ${percent(least)} % or more is suppressed.`;
  if (count === 1)
    return `${directions} of ${task} is suppressed by ${percent(least)} %; later tasks can use the rest.`;
  if (closed === 0)
    return `${directions} of ${task} are open to later tasks in part: at least ${percent(least)} % of each is suppressed.`;
  const rest =
    count - closed === 1
      ? `Of the other one, ${percent(least)} % is.`
      : `Of each of the others, at least ${percent(least)} % is.`;
  return `Of the ${count} main directions of ${task}, ${closed} ${closed === 1 ? 'is' : 'are'} almost closed to later tasks: 99 % or more is suppressed. ${rest}`;
}
