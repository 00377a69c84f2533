import { doesNotFit } from '../results/identity.ts';
import type { RunSettings } from '../settings/settings.ts';
import type { SavedRun } from './saved-run.ts';

/**
 * Checks that a run is the one that saved a checkpoint: a run resumes only with the same settings and data.
 *
 * @param data of the run, as {@link dataHash} names it.
 * @throws GorpError `run/checkpoint-does-not-fit`, naming what is different.
 */
export function checkSame(saved: Pick<SavedRun, 'results' | 'data'>, settings: RunSettings, data: string): void {
  checkSettings(saved, settings);
  if (saved.data === data) return;
  throw doesNotFit('checkpoint', 'the examples of its tasks have changed', 'Restore the tasks, or start a new run.');
}

/** @throws GorpError `run/checkpoint-does-not-fit`, naming the first setting that is different. */
export function checkSettings({ results }: Pick<SavedRun, 'results'>, settings: RunSettings): void {
  const path = difference(results.settings, settings);
  if (path === null) return;
  const nextStep = 'Resume with the settings of the run that saved it, or start a new run.';
  throw doesNotFit('checkpoint', `${path} has changed`, nextStep);
}

/** The path of the first value that differs; null if all are equal. */
export function difference(a: unknown, b: unknown, path = 'the settings'): string | null {
  if (!isObject(a) || !isObject(b)) return Object.is(a, b) ? null : path;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const below = path === 'the settings' ? key : `${path}.${key}`;
    const found = difference(a[key], b[key], below);
    if (found !== null) return found;
  }
  return null;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
