import { GorpError } from '../../base/errors.ts';
import type { StepRecord } from '../../gorp/learner.ts';

/**
 * Whether the numbers of a model have left the range of f32. RMS norm turns values that are too large into zeros. The
 * loss may then stay finite, but no longer depends on any trained weight.
 */
export function isBroken({ loss, gradientNorm }: StepRecord): boolean {
  return !Number.isFinite(loss) || !Number.isFinite(gradientNorm) || (gradientNorm === 0 && loss > 0);
}

/**
 * The error of a diverged run, naming what broke first.
 *
 * @param record of the broken step.
 * @param parameters of the model, in the order in which it uses them.
 */
export function diverged(step: number, record: StepRecord, parameters: readonly string[]): GorpError {
  return new GorpError(
    'run/not-finite',
    `Training has diverged: in step ${step} ${whatBroke(record, parameters)}.`,
    'Start again with a smaller learning rate.',
  );
}

function whatBroke({ loss, gradientNorm, layers }: StepRecord, parameters: readonly string[]): string {
  if (!Number.isFinite(loss)) return 'the loss is no longer a number';
  if (gradientNorm === 0) return 'the gradient is zero: the loss no longer depends on any trained weight';
  const place = ({ name }: { name: string }): number => parameters.indexOf(`${name}.weight`);
  // Gradients flow from the last layer to the first, so the last bad one broke first.
  const bad = layers.filter((layer) => !Number.isFinite(layer.gradientNorm)).toSorted((a, b) => place(b) - place(a));
  if (bad.length === 0) return 'the norm of all gradients together overflows';
  const others = bad.length === 1 ? '' : `, then those of ${bad.length - 1} more`;
  return `the gradient of ${bad[0].name}${bad[0].part === 'lora' ? ' (adapter)' : ''} is no longer a number${others}`;
}
