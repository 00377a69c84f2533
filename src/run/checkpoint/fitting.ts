import { GorpError } from '../../base/errors.ts';
import type { RunSettings } from '../settings.ts';
import type { SavedCheckpoint } from './checkpoint.ts';

/**
 * Checks that a run is the one that saved a checkpoint: a run goes on with its own settings and its own data.
 *
 * @param data of the run, as {@link dataHash} names it.
 * @throws GorpError `run/checkpoint-does-not-fit`, naming what is different.
 */
export function checkSame(saved: Pick<SavedCheckpoint, 'results' | 'data'>, settings: RunSettings, data: string): void {
  checkSettings(saved, settings);
  if (saved.data === data) return;
  throw doesNotFit('the examples of its tasks have changed since', 'Bring back the tasks as they were, or begin anew.');
}

/** @throws GorpError `run/checkpoint-does-not-fit`, naming the first setting that is different. */
export function checkSettings({ results }: Pick<SavedCheckpoint, 'results'>, settings: RunSettings): void {
  const path = difference(results.settings, settings);
  if (path === null) return;
  throw doesNotFit(`${path} is not what it was`, 'Go on with the settings of the run that saved it, or begin anew.');
}

/** The path of the first value that differs; null where all are the same. */
function difference(a: unknown, b: unknown, path = 'the settings'): string | null {
  if (!isObject(a) || !isObject(b)) return Object.is(a, b) ? null : path;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const below = path === 'the settings' ? key : `${path}.${key}`;
    const found = difference(a[key], b[key], below);
    if (found !== null) return found;
  }
  return null;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const doesNotFit = (what: string, nextStep: string): GorpError =>
  new GorpError('run/checkpoint-does-not-fit', `The run cannot go on from its checkpoint: ${what}.`, nextStep);
