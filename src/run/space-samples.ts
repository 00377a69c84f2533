import { planOf } from '../methods/registry.ts';
import type { Network } from '../models/network.ts';
import type { RunSettings } from './settings.ts';

/**
 * Prompts from which a task's space of inputs is built. Reading one takes a good half of what training on it takes, so
 * many would cost more than the steps of a short task. A layer that sees only answers has a few inputs for each.
 */
const PROMPTS = { whole: 48, answersApart: 192 };
/** Prompts that tell how much of a new task's inputs lies outside the spaces: a mean over all layers, so few will do. */
const RATES_SAMPLE = 16;

/** Prompts that a method reads when a task begins and when it ends, at most. */
export interface SpaceSamples {
  readonly begin: number;
  readonly end: number;
}

export function spaceSamples(
  method: RunSettings['method'],
  { readsAnswersApart }: Pick<Network, 'readsAnswersApart'>,
): SpaceSamples {
  const { adapters, space } = planOf(method);
  if (space?.spaceSource !== 'activation') return { begin: 0, end: 0 };
  const isDesigned = adapters?.design === 'inputs';
  const end = readsAnswersApart ? PROMPTS.answersApart : PROMPTS.whole;
  return { begin: isDesigned ? end : space.taskRates === 'compensated' ? RATES_SAMPLE : 0, end };
}
