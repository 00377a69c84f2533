import type { Results } from '../../../run/results/results.ts';
import type { RunSettings } from '../../../run/settings/settings.ts';
import { differingPaths, type FlatSettings, groupAlike, sourceName } from '../../../run/results/likeness.ts';
import { type LineStyle, lineStyles } from '../../charts/Figure.tsx';
import { settingName } from '../../state/set-up.ts';
import { runKey } from '../../state/history.ts';

const METHOD = 'method.name';

interface ComparedRun {
  readonly key: string;
  readonly seed: number;
  /** Name of its group, its seed, and a number if others have the same seed. */
  readonly name: string;
  readonly results: Results;
}

/** Runs that differ at most in the seed, or in seed and order. */
export interface SettingsGroup extends LineStyle {
  /** Its method, and what distinguishes it from other groups of that method. */
  readonly name: string;
  readonly settings: RunSettings;
  readonly likeness: FlatSettings;
  readonly runs: readonly ComparedRun[];
}

/** A setting, or a source by hash, in which groups differ. */
interface Difference {
  readonly path: string;
  readonly name: string;
  /** By group; null where a method has no such setting. */
  readonly values: readonly (string | null)[];
}

/**
 * Groups runs that are alike, in order of first occurrence; sorts the runs of a group by seed.
 *
 * @param acrossOrders whether runs on the same tasks in another order belong together too.
 * @param keyOf the key by which the page knows a run; that of an added file is not in its results.
 */
export function groupsOf(
  all: readonly Results[],
  acrossOrders = false,
  keyOf: (results: Results) => string = runKey,
): SettingsGroup[] {
  const groups = groupAlike(all, acrossOrders);
  const names = groupNames(groups.map(({ likeness }) => likeness));
  const looks = lineStyles(groups.map(({ runs }) => runs[0].settings.method.name));
  return groups.map(({ likeness, runs }, i) => ({
    ...looks[i],
    name: names[i],
    settings: runs[0].settings,
    likeness,
    runs: namedRuns(names[i], runs, keyOf),
  }));
}

/** The settings in which groups differ, in the order of the form's schema. */
export function differencesOf(groups: readonly SettingsGroup[]): Difference[] {
  const all = groups.map(({ likeness }) => likeness);
  return differingPaths(all).flatMap((path): Difference[] => {
    const values = all.map((likeness) => shown(likeness.get(path)) ?? null);
    // What only one method or one order has is implied by its name.
    if (new Set(values.filter((value) => value !== null)).size < 2) return [];
    const owner = groups[values.findIndex((value) => value !== null)];
    return [{ path, name: settingName(path, owner.settings), values }];
  });
}

/** Whether a source is missing from some groups only because their orders lack its task. */
const isImplied = (path: string, all: readonly FlatSettings[]): boolean =>
  /^(?:texts|score)\./.test(path) && new Set(all.flatMap((one) => one.get(path) ?? [])).size < 2;

/** The first digits of a hash, or the whole value. */
const shown = (value: string | undefined): string | undefined =>
  value !== undefined && /^[0-9a-f]{64}$/.test(value) ? value.slice(0, 8) : value;

/** The method of each group; if several groups share it, also what distinguishes these. */
function groupNames(all: readonly FlatSettings[]): string[] {
  return all.map((likeness) => {
    const method = likeness.get(METHOD) ?? '';
    const same = all.filter((other) => other.get(METHOD) === method);
    const differing = differingPaths(same).filter((path) => !isImplied(path, same));
    const own = differing.map((path) => {
      return `${sourceName(path) ?? path.split('.').at(-1)} ${shown(likeness.get(path)) ?? 'none'}`;
    });
    return [method, ...own].join(' · ');
  });
}

function namedRuns(group: string, all: readonly Results[], keyOf: (results: Results) => string): ComparedRun[] {
  const sorted = all.toSorted(
    (a, b) => a.settings.training.seed - b.settings.training.seed || a.startedAt.localeCompare(b.startedAt),
  );
  return sorted.map((results, i) => {
    const { seed } = results.settings.training;
    const twins = sorted.filter((other) => other.settings.training.seed === seed);
    const which = twins.length > 1 ? `, run ${twins.indexOf(sorted[i]) + 1}` : '';
    return { key: keyOf(results), seed, name: `${group}, seed ${seed}${which}`, results };
  });
}

/** Seeds as ranges where they follow each other: `1–5, 8`. */
export function seedRanges(seeds: readonly number[]): string {
  const sorted = [...new Set(seeds)].toSorted((a, b) => a - b);
  const runs = sorted.reduce<[number, number][]>((ranges, seed) => {
    const last = ranges.at(-1);
    if (last?.[1] === seed - 1) last[1] = seed;
    else ranges.push([seed, seed]);
    return ranges;
  }, []);
  return runs
    .map(([from, to]) => (from === to ? `${from}` : to === from + 1 ? `${from}, ${to}` : `${from}–${to}`))
    .join(', ');
}
