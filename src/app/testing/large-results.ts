import { embeddedSettings } from '../../run/planning/presets.ts';
import type { Results } from '../../run/results/results.ts';
import { PUBLISHED_ORDERS } from '../../tasks/orders.ts';
import { largeHealth, largeSpaces } from './large-spaces.ts';
import { resultsOfScript } from '../../testing/scripted-results.ts';

/** Invented results of a run of fifteen tasks on the 96 trained matrices of T5-large. */
export function largeResults(): Results {
  const order = PUBLISHED_ORDERS.find(({ rounds }) => rounds.length === 15)?.rounds.map(({ dataset }) => dataset) ?? [];
  const settings = { ...embeddedSettings('full', 'gorp'), tasks: 'https://example.org/CL_Benchmark/', order };
  const results = resultsOfScript({ ...settings, model: 'google-t5/t5-large' }, '2026-11-20T09:00:00.000Z');
  return {
    ...results,
    model: { ...results.model, name: 'google-t5/t5-large', parameters: 737_668_096, trainable: 101_449_728 },
    spaces: largeSpaces(order.length),
    health: largeHealth(order.length, results.curves.step.length, 400),
  };
}
