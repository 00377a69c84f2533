import * as v from 'valibot';
import type { MethodName } from '../../methods/registry.ts';
import { type RunSettings, RunSettingsSchema } from '../../run/settings/settings.ts';
import { runKey, type RunSummary } from '../history.ts';

/**
 * The key of the newest finished run with another method and otherwise the same settings, seed included, whatever general
 * text it was measured by; null if there is none whose results are stored.
 *
 * @param history newest first.
 */
export function counterpartOf(
  settings: RunSettings,
  method: MethodName,
  history: readonly RunSummary[],
): string | null {
  const wanted = othersOf(settings);
  const found = history.find(
    (run) =>
      run.status === 'finished' &&
      run.resultsBytes !== null &&
      run.settings.method.name === method &&
      othersOf(run.settings) === wanted,
  );
  return found === undefined ? null : runKey(found);
}

/** The settings besides the method, in the schema's order. */
function othersOf(settings: RunSettings): string {
  const { training, ...others } = v.parse(RunSettingsSchema, settings);
  return JSON.stringify({ ...others, training: { ...training, generalText: null }, method: null });
}
