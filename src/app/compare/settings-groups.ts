import type { Results } from '../../run/results.ts';
import type { RunSettings } from '../../run/settings.ts';
import { type FlatSettings, flatSettings, settingName } from '../handover/setting-names.ts';
import { runKey } from '../history.ts';

const SEED = 'training.seed';
const METHOD = 'method.name';

/** A run in the comparison. */
export interface ComparedRun {
  readonly key: string;
  readonly seed: number;
  /** Name of its group, its seed, and a number if others have the same seed. */
  readonly name: string;
  readonly results: Results;
}

/** Runs whose settings differ at most in the seed. */
export interface SettingsGroup {
  /** Its method, and the settings that distinguish it from other groups of that method. */
  readonly name: string;
  readonly settings: RunSettings;
  readonly runs: readonly ComparedRun[];
}

/** A setting in which groups differ. */
export interface Difference {
  readonly path: string;
  readonly name: string;
  /** By group; null where a method has no such setting. */
  readonly values: readonly (string | null)[];
}

/** Groups runs by their settings, in order of first occurrence; sorts the runs of a group by seed. */
export function groupsOf(all: readonly Results[]): SettingsGroup[] {
  const byText = new Map<string, { settings: RunSettings; flat: FlatSettings; results: Results[] }>();
  for (const results of all) {
    const flat = flatSettings(results.settings);
    const text = textWithoutSeed(flat);
    const group = byText.get(text) ?? { settings: results.settings, flat, results: [] };
    group.results.push(results);
    byText.set(text, group);
  }
  const groups = [...byText.values()];
  const names = groupNames(groups.map(({ flat }) => flat));
  return groups.map(({ settings, results }, i) => ({ name: names[i], settings, runs: namedRuns(names[i], results) }));
}

/** The settings in which groups differ, without the seed, in the order of the form's schema. */
export function differencesOf(groups: readonly SettingsGroup[]): Difference[] {
  const flats = groups.map(({ settings }) => flatSettings(settings));
  return differingPaths(flats).flatMap((path): Difference[] => {
    const values = flats.map((flat) => flat.get(path) ?? null);
    // A setting that only one method has is implied by the method's name.
    if (new Set(values.filter((value) => value !== null)).size < 2) return [];
    const owner = groups[values.findIndex((value) => value !== null)];
    return [{ path, name: settingName(path, owner.settings), values }];
  });
}

const textWithoutSeed = (flat: FlatSettings): string =>
  JSON.stringify([...flat].filter(([path]) => path !== SEED).toSorted(([a], [b]) => (a < b ? -1 : 1)));

function differingPaths(flats: readonly FlatSettings[]): string[] {
  const paths = new Set(flats.flatMap((flat) => [...flat.keys()]));
  return [...paths].filter((path) => path !== SEED && new Set(flats.map((flat) => flat.get(path))).size > 1);
}

/** The method of each group; if several groups share it, also the settings in which these differ. */
function groupNames(flats: readonly FlatSettings[]): string[] {
  return flats.map((flat) => {
    const method = flat.get(METHOD) ?? '';
    const same = flats.filter((other) => other.get(METHOD) === method);
    const own = differingPaths(same).map((path) => `${path.split('.').at(-1) ?? path} ${flat.get(path) ?? 'none'}`);
    return [method, ...own].join(' · ');
  });
}

function namedRuns(group: string, all: readonly Results[]): ComparedRun[] {
  const sorted = all.toSorted(
    (a, b) => a.settings.training.seed - b.settings.training.seed || a.startedAt.localeCompare(b.startedAt),
  );
  return sorted.map((results, i) => {
    const { seed } = results.settings.training;
    const twins = sorted.filter((other) => other.settings.training.seed === seed);
    const which = twins.length > 1 ? `, run ${twins.indexOf(sorted[i]) + 1}` : '';
    return { key: runKey(results), seed, name: `${group}, seed ${seed}${which}`, results };
  });
}
