import { METHOD_NAMES, type MethodName } from '../methods/registry.ts';
import { fold } from '../run/events/fold.ts';
import { embeddedSettings } from '../run/planning/presets.ts';
import type { Results } from '../run/results/results.ts';
import type { RunSettings } from '../run/settings/settings.ts';
import { scriptedRun } from './scripted-run.ts';

/** Invented results of a whole run. */
export function resultsOfScript(settings: RunSettings, startedAt?: string): Results {
  const results = scriptedRun(settings, { startedAt }).reduce(fold, null);
  if (results === null) throw new Error('a scripted run does not begin');
  return results;
}

/** Invented results of a run with the quick preset; by default, no two methods or seeds start at the same time. */
export function quickResults(method: MethodName, seed: number, startedAt = startOf(method, seed)): Results {
  const settings = { ...embeddedSettings('quick', method), order: ['gloss', 'field'] };
  return resultsOfScript({ ...settings, training: { ...settings.training, seed } }, startedAt);
}

const startOf = (method: MethodName, seed: number): string =>
  new Date(Date.UTC(2026, 10, 24, 10, seed, METHOD_NAMES.indexOf(method))).toISOString();
