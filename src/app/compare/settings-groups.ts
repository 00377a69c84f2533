import type { Results } from '../../run/results.ts';
import type { RunSettings } from '../../run/settings.ts';
import { type FlatSettings, flatSettings, settingName } from '../handover/setting-names.ts';
import { runKey } from '../history.ts';

const SEED = 'training.seed';
const METHOD = 'method.name';

/** A run that is compared. */
export interface ComparedRun {
  readonly key: string;
  readonly seed: number;
  /** Name of its group and its seed, and what else tells it from others of the same seed. */
  readonly name: string;
  readonly results: Results;
}

/** Runs whose settings differ in the seed at most. */
export interface SettingsGroup {
  /** Its method, and what else sets it apart from the other groups. */
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

/** Runs by their settings, in the order in which these first occur; runs of a group by seed. */
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

/** The settings in which groups differ, in the order of the form's schema: the seed is none of them. */
export function differencesOf(groups: readonly SettingsGroup[]): Difference[] {
  const flats = groups.map(({ settings }) => flatSettings(settings));
  return differingPaths(flats).flatMap((path): Difference[] => {
    const values = flats.map((flat) => flat.get(path) ?? null);
    // What only one method has at all is told by the method's name.
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

/** The method of each group; where several have it, also the settings in which these differ. */
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
