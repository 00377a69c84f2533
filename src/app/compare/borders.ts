import type { Results } from '../../run/results/results.ts';
import { roundName } from '../../run/settings/schedule.ts';
import type { ChartBorder } from '../charts/LineChart.tsx';

/** Where each round of a run begins, by its first step. */
function bordersOf({ curves, settings }: Pick<Results, 'curves' | 'settings'>): ChartBorder[] {
  return curves.step.flatMap((x, i) =>
    i > 0 && curves.round[i] === curves.round[i - 1] ? [] : [{ x, name: roundName(settings, curves.round[i]) }],
  );
}

/**
 * The borders that several runs share; none where they differ, since a border would then be true of some of them only.
 * A run that was stopped has fewer, which say nothing against the rest.
 */
export function sharedBorders(runs: readonly Pick<Results, 'curves' | 'settings'>[]): ChartBorder[] {
  const all = runs.map(bordersOf);
  const longest = all.reduce((a, b) => (b.length > a.length ? b : a), []);
  const fits = (borders: readonly ChartBorder[]): boolean =>
    borders.every(({ x, name }, i) => longest[i].x === x && longest[i].name === name);
  return all.every(fits) ? longest : [];
}
