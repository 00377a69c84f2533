import { isSoft, type SpacePlan } from '../../gorp/spaces/plan.ts';
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

/** Says that a task ends before its warm-up; null if not. @param warmup steps, of all the `steps` of the task. */
export const unendingWarmUp = (task: string, warmup: number, steps: number): string | null =>
  warmup < steps
    ? null
    : `${task}: a warm-up of ${warmup} steps is not over after the ${steps} of the task, so the rates never reach their values.`;
