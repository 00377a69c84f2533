import type { ChartLine } from '../charts/LineChart.tsx';
import { drawnIndices, withGaps } from '../charts/series.ts';
import type { Cell, Numbers } from '../charts/numbers.ts';
import type { Results } from '../../run/results/results.ts';
import type { CompareState } from './compare-state.ts';
import { type CurvePoint, meanCurve } from './curves.ts';
import type { SettingsGroup } from './settings-groups.ts';

/** More points than pixels would not be visible. */
const MOST_POINTS = 1200;

/** A line of the overlay with all its points. `runs` counts the runs averaged at a point of a mean. */
export interface OverlayLine extends ChartLine {
  readonly points: readonly (CurvePoint & { low?: number | null; high?: number | null; runs?: number })[];
}

/**
 * One line per run, or the mean of each group.
 *
 * @param curveOf returns null for a run without this curve; such a run gets no line.
 */
export function overlayLines(
  groups: readonly SettingsGroup[],
  { by, band }: Pick<CompareState, 'by' | 'band'>,
  curveOf: (results: Results) => CurvePoint[] | null,
): OverlayLine[] {
  return groups.flatMap(({ name, runs }, color): OverlayLine[] => {
    const curves = runs
      .map((run) => ({ run, points: curveOf(run.results) }))
      .filter((curve): curve is { run: typeof curve.run; points: CurvePoint[] } => (curve.points?.length ?? 0) > 0);
    if (curves.length === 0) return [];
    if (by === 'run') return curves.map(({ run, points }, dash) => ({ name: run.name, color, dash, points }));
    const many = curves.length > 1 ? `, mean of ${curves.length}` : `, seed ${curves[0].run.seed}`;
    const mean = meanCurve(
      curves.map(({ points }) => points),
      band,
    );
    return [{ name: name + many, color, dash: 0, points: mean }];
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
export function lineNumbers(lines: readonly OverlayLine[], xName: string, yName: string): Numbers {
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
