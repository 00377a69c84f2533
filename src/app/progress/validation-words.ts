import type { Results } from '../../run/results/results.ts';
import { significant } from '../format.ts';

type Validation = NonNullable<Results['validation']>;

/** What the loss on held-out examples says of a round: its least, and whether it rises from there. Null without any. */
export function validationText(all: Validation, round: number, name: string): string | null {
  const own = all.filter((one) => one.round === round);
  const last = own.at(-1);
  if (last === undefined) return null;
  if (own.some(({ loss }) => loss === null)) return `${name}: the loss on held-out examples is not finite.`;
  const least = own.reduce((a, b) => ((b.loss ?? 0) < (a.loss ?? 0) ? b : a));
  const words = (loss: number | null): string => significant(loss);
  if (own.length === 1) return `${name}: ${words(last.loss)} on held-out examples at step ${last.step}.`;
  return least === last
    ? `${name}: the loss on held-out examples falls to ${words(last.loss)} at step ${last.step}, its least.`
    : `${name}: the loss on held-out examples is least at step ${least.step}, ${words(least.loss)}, and rises from there to ${words(last.loss)} at step ${last.step}: fewer epochs may do.`;
}

/** The loss on held-out examples after a step; null if it was not measured there. */
export const heldOutLoss = (all: Validation, step: number): number | null =>
  all.find((one) => one.step === step)?.loss ?? null;

/** The losses by the points of a chart, which may leave out steps: each at the point nearest before its step. */
export function validationsAt(steps: readonly number[], all: Validation): (number | null)[] {
  const values: (number | null)[] = steps.map(() => null);
  for (const { step, loss } of all) {
    const at = steps.findLastIndex((one) => one <= step);
    if (at >= 0) values[at] = loss;
  }
  return values;
}
