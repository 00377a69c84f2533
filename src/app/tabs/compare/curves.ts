import { smoothed } from '../../../base/statistics.ts';
import type { Cell } from '../../../base/visible.ts';
import type { ChartLine } from '../../../charts/chart.ts';
import { generalTextStates } from '../../../run/results/known-before.ts';
import type { Results } from '../../../run/results/results.ts';
import { testedTasks } from '../../../run/settings/settings.ts';
import type { ChartNumbers } from '../../charts/save.tsx';
import { drawnIndices, lineStyles, lossColumns, type RoundPoint, withGaps } from '../../charts/Figure.tsx';
import { type Band, type CompareState, halfWidth } from '../../state/compare.ts';
import { matrixOf, meanOf, measuresIn, type ScoreView } from '../../state/scores.ts';
import type { SettingsGroup } from './settings-groups.ts';

/** A point of a mean over runs, with a band around it if there are at least two runs. */
interface MeanPoint extends RoundPoint {
  readonly low: number | null;
  readonly high: number | null;
  /** Runs that have a value here. */
  readonly runs: number;
}

/** The smoothed loss of every optimizer step, before points are thinned. @param weight see `smoothed`. */
export function lossCurve({ curves }: Pick<Results, 'curves'>, weight: number): RoundPoint[] {
  const { steps, rounds, losses } = lossColumns(curves);
  const averages = smoothed(losses, rounds, weight);
  return steps.map((x, i) => ({ x, y: averages[i] ?? null, round: rounds[i] }));
}

/** AP over the rounds: after round t, the mean accuracy over the tasks learned so far. */
export const performanceCurve = (results: Results, score: ScoreView): RoundPoint[] =>
  measuresIn(results, score).measures.averagePerformanceCurve.map((y, i) => ({
    x: i + 1,
    y,
  }));

/** The accuracy of a task over the rounds, from round 0 (before training); null if the run does not have the task. */
export function accuracyCurve(results: Results, score: ScoreView, task: string): RoundPoint[] | null {
  const column = testedTasks(results.settings).indexOf(task);
  return column < 0 ? null : matrixOf(results, score).map((row, x) => ({ x, y: row[column] ?? null }));
}

/** The loss on general text over the rounds; null if the run was not measured by it. */
export function generalTextCurve(results: Results): RoundPoint[] | null {
  const states = generalTextStates(results);
  return states.length === 0 ? null : states.map(({ round, loss }) => ({ x: round, y: loss }));
}

/** The share of the dimensions that the shared spaces hold after each round, mean over the trained layers. */
export const spaceCurve = ({ spaces }: Pick<Results, 'spaces'>): RoundPoint[] =>
  spaces.map(({ round, tensors }) => ({
    x: round,
    y: meanOf(tensors.map(({ total, dimension }) => total / dimension)),
  }));

/** The mean of the curves of several runs, at every x where at least one has a point. */
export function meanCurve(curves: readonly (readonly RoundPoint[])[], band: Band): MeanPoint[] {
  const byX = new Map<number, number[]>();
  const rounds = new Map<number, number>();
  for (const curve of curves) {
    for (const { x, y, round } of curve) {
      const values = byX.get(x) ?? [];
      if (y !== null) values.push(y);
      byX.set(x, values);
      if (round !== undefined) rounds.set(x, round);
    }
  }
  return [...byX]
    .toSorted(([a], [b]) => a - b)
    .map(([x, values]) => {
      const y = meanOf(values);
      const half = halfWidth(values, band);
      const known = y !== null && half !== null;
      const [low, high] = known ? [y - half, y + half] : [null, null];
      const round = rounds.get(x);
      return { x, y, low, high, runs: values.length, ...(round !== undefined && { round }) };
    });
}

/** More points than pixels would not be visible. */
const MOST_POINTS = 1200;

/** A line of the overlay with all its points. `runs` counts the runs averaged at a point of a mean. */
interface OverlayLine extends ChartLine {
  readonly points: readonly (RoundPoint & { low?: number | null; high?: number | null; runs?: number })[];
}

/**
 * One line per run, or the mean of each group.
 *
 * @param curveOf returns null for a run without this curve; such a run gets no line.
 */
export function overlayLines(
  groups: readonly SettingsGroup[],
  { by, band }: Pick<CompareState, 'by' | 'band'>,
  curveOf: (results: Results) => RoundPoint[] | null,
): OverlayLine[] {
  const looks = lineStyles(groups.flatMap(({ settings, runs }) => runs.map(() => settings.method.name)));
  return groups.flatMap(({ name, runs, color, dash }, group): OverlayLine[] => {
    const curves = runs
      .map((run) => ({ run, points: curveOf(run.results) }))
      .filter((curve): curve is { run: typeof curve.run; points: RoundPoint[] } => (curve.points?.length ?? 0) > 0);
    if (curves.length === 0) return [];
    if (by === 'run') {
      const before = groups.slice(0, group).reduce((sum, one) => sum + one.runs.length, 0);
      return curves.map(({ run, points }) => ({ name: run.name, ...looks[before + runs.indexOf(run)], points }));
    }
    const many = curves.length > 1 ? `, mean of ${curves.length}` : `, seed ${curves[0].run.seed}`;
    // Runs of one seed over several orders are one value: they share their initial weights.
    const seeds = by === 'orders' ? [...new Set(curves.map(({ run }) => run.seed))] : [];
    const own = seeds.map((seed) => curves.flatMap(({ run, points }) => (run.seed === seed ? [points] : [])));
    const all = by === 'orders' ? own.map((points) => meanCurve(points, band)) : curves.map(({ points }) => points);
    return [{ name: name + many, color, dash, points: meanCurve(all, band) }];
  });
}

/**
 * The line with only as many points as are visible, and with gaps between the tasks. Smoothing and averaging come first,
 * over all points.
 */
export function thinnedLine(line: OverlayLine): OverlayLine {
  const drawn = drawnIndices(
    line.points.map(({ y }) => y),
    MOST_POINTS,
  );
  return { ...line, points: withGaps(drawn.map((i) => line.points[i])) };
}

/** The numbers of lines, one row per point; for means, with the ends of the band. */
export function lineNumbers(lines: readonly OverlayLine[], xName: string, yName: string): ChartNumbers {
  const isMean = lines.some(({ points }) => points.some(({ runs }) => runs !== undefined));
  return {
    columns: ['line', xName, yName, ...(isMean ? ['low', 'high', 'runs'] : [])],
    rows: lines.flatMap(({ name, points }) =>
      points.map(({ x, y, low, high, runs }): Cell[] => [
        name,
        x,
        y,
        ...(isMean ? [low ?? null, high ?? null, runs ?? 1] : []),
      ]),
    ),
  };
}
