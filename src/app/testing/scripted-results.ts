import type { MethodName } from '../../methods/registry.ts';
import { embeddedSettings } from '../../run/presets.ts';
import type { Results } from '../../run/results.ts';
import type { RunSettings } from '../../run/settings.ts';
import { scriptedRun } from './script.ts';

/** Invented results of a whole run. */
export function resultsOfScript(settings: RunSettings, startedAt: string): Results {
  const last = scriptedRun(settings, { startedAt }).at(-1);
  if (last?.type !== 'finished') throw new Error('a scripted run does not finish');
  return last.results;
}

/** Invented results of a run with the quick preset. */
export function quickResults(method: MethodName, seed: number, startedAt = `2026-11-24T10:0${seed}:00.000Z`): Results {
  const settings = embeddedSettings('quick', method);
  return resultsOfScript({ ...settings, training: { ...settings.training, seed } }, startedAt);
}
