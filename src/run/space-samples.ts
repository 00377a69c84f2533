import { planOf } from '../methods/registry.ts';
import type { RunSettings } from './settings.ts';

/**
 * Prompts from which a task's space of inputs is built. Reading one takes a good half of what training on it takes, so
 * many would cost more than the steps of a short task.
 */
const SPACE_SAMPLE = 48;
/** Prompts that tell how much of a new task's inputs lies outside the spaces: a mean over all layers, so few will do. */
const RATES_SAMPLE = 16;

/** How many prompts a method reads when a task begins and when it ends, at most. */
export function spaceSamples(method: RunSettings['method']): { readonly begin: number; readonly end: number } {
  const { adapters, space } = planOf(method);
  if (space?.spaceSource !== 'activation') return { begin: 0, end: 0 };
  const isDesigned = adapters?.design === 'inputs';
  return { begin: isDesigned ? SPACE_SAMPLE : space.taskRates === 'compensated' ? RATES_SAMPLE : 0, end: SPACE_SAMPLE };
}
