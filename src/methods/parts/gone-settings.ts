import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import type { Settings } from './setting.ts';

/**
 * Settings that no method has any more, with the value by which all of them train now. Their other values reproduced what
 * the paper's released code does differently from the paper; for tests, `src/testing/as-released.ts` still does.
 */
const GONE: Readonly<Record<string, string>> = {
  projType: 'std',
  projection: 'fast',
  spaceSide: 'kept',
  spaceRule: 'paper',
};

/** Those that a method had, by the settings that it has. */
const goneOf = (settings: Settings): string[] => [
  ...('clipNorm' in settings ? ['projType', 'projection'] : []),
  ...('spaceSource' in settings ? ['spaceRule'] : []),
  ...('clipNorm' in settings && 'spaceSource' in settings ? ['spaceSide'] : []),
];

/** Values of settings without those that are gone. */
interface LeftSettings<T> {
  readonly left: Record<string, T>;
  /** The first that is gone and has another value than the one that is left; undefined if there is none. */
  readonly gone: { readonly key: string; readonly value: unknown; readonly message: string } | undefined;
}

/** Leaves out settings that are gone: those of one method, or without it those of any. */
export function withoutGone<T>(values: Readonly<Record<string, T>>, method?: Settings): LeftSettings<T> {
  const keys = method === undefined ? Object.keys(GONE) : goneOf(method);
  const given: Readonly<Record<string, unknown>> =
    // Files of a method with the first, but not the second, are older than the choice: their gradients were formed.
    method !== undefined && keys.includes('projection') && 'projType' in values
      ? { projection: 'exact', ...values }
      : values;
  const key = keys.find((one) => Object.hasOwn(given, one) && given[one] !== GONE[one]);
  return {
    left: Object.fromEntries(Object.entries(values).filter(([one]) => !keys.includes(one))),
    gone: key === undefined ? undefined : { key, value: given[key], message: messageOf(key, given[key]) },
  };
}

const messageOf = (key: string, value: unknown): string =>
  `gorp-web no longer trains with ${key} ${JSON.stringify(value)}, only as with ${JSON.stringify(GONE[key])}.`;

/**
 * The error for a file with a setting that is gone; null if its faults are others.
 *
 * @param file its name or path.
 */
export function goneSetting(
  issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]],
  file: string,
): GorpError | null {
  const path = v.getDotPath(issues[0]) ?? '';
  const [, key = ''] = /(?:^|\.)method\.(\w+)$/.exec(path) ?? [];
  if (!Object.hasOwn(GONE, key)) return null;
  return new GorpError(
    'settings/gone',
    `${file} has ${path}: ${issues[0].message}`,
    'Open it with the version of gorp-web that wrote it, or remove this setting and train again.',
    { cause: issues },
  );
}
