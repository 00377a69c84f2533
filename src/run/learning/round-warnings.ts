import { isSoft, type SpacePlan } from '../../gorp/part/method-plan.ts';
import { measurementsAfter } from '../settings/amount.ts';
import type { TrainingSettings } from '../settings/settings.ts';
import type { TensorSpace } from '../results/results.ts';

/** Names in a warning, at most. */
const NAMED = 3;

/** Says which tensors no longer learn; null if all do. A soft space leaves a part of every direction. */
export function fullSpaces(space: SpacePlan | undefined, tensors: readonly TensorSpace[]): string | null {
  const full = space && isSoft(space) ? [] : tensors.filter(({ total, dimension }) => total >= dimension);
  if (full.length === 0) return null;
  const names = full.slice(0, NAMED).map(({ name }) => name);
  const more = full.length > NAMED ? ', …' : '';
  return `The shared space of ${full.length} of ${tensors.length} tensors is full; these no longer learn: ${names.join(', ')}${more}.`;
}

/** Says if a task ends before its warm-up. @param warmup steps, of all the `steps` of the task. */
export const unendingWarmUp = (task: string, warmup: number, steps: number): string[] =>
  warmup < steps
    ? []
    : [
        `${task}: a warm-up of ${warmup} steps is not over after the ${steps} of the task, so the rates never reach their values.`,
      ];

/** Returns doubts about ending a task by its losses on held-out examples; none if it does not end so. */
export function doubtfulEnding(
  task: string,
  { loadBest, earlyStoppingPatience: patience, validationSteps }: TrainingSettings,
  { heldOut, steps }: { heldOut: number; steps: number },
): string[] {
  const texts: string[] = [];
  if ((loadBest === 'best' || patience > 0) && heldOut === 1) {
    texts.push(`${task}: one held-out example decides how its training ends; hold out more, or that is chance.`);
  }
  if (patience > 0 && measurementsAfter(steps, steps, validationSteps) <= patience) {
    texts.push(
      `${task}: early stopping cannot act, since its ${steps} steps have no more than ${patience} validations. Lower the patience or the validation interval.`,
    );
  }
  return texts;
}
