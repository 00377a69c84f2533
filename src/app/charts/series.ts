import type { Results } from '../../run/results/results.ts';
import { axisOver } from '../../charts/axis.ts';
import type { Chart } from '../../charts/chart.ts';
import { METHOD_NAMES, type MethodName } from '../../methods/registry.ts';
import { whole } from '../ui/format.ts';

const HUES = 7;

/** Colour of a series as a custom property; after seven, colours repeat with another dash. */
export const seriesColor = (index: number): string => `var(--series-${index % HUES})`;

/** Place of a series in the sequence of dash patterns. */
export const seriesDash = (index: number): number => Math.floor(index / HUES);

/** The methods that are compared most: each has a hue of its own. The others share them. */
const MAIN: readonly MethodName[] = ['gorp-plus', 'seq-lora', 'gorp', 'gpm', 'inf-lora', 'gain-lora', 'o-lora'];
const BY_HUE = [...MAIN, ...METHOD_NAMES.filter((name) => !MAIN.includes(name))];

/** The colour of a method, the same in every chart. */
export const methodColor = (method: MethodName): string => seriesColor(BY_HUE.indexOf(method));

/** How a line is drawn. */
export interface Look {
  readonly color: string;
  /** Place in the sequence of dash patterns. */
  readonly dash: number;
}

/** The looks of a chart's lines by their methods, never two alike: lines of one colour have different dashes. */
export function looksOf(methods: readonly MethodName[]): Look[] {
  const colors = methods.map(methodColor);
  return colors.map((color, i) => ({ color, dash: colors.slice(0, i).filter((other) => other === color).length }));
}

/** A chart over the rounds of runs, of shares in percent or of losses. */
export function roundsChart(
  chart: Pick<Chart, 'label' | 'lines' | 'xName' | 'yName'> & Partial<Chart> & { isLoss?: boolean },
): Chart {
  const { isLoss = false, lines } = chart;
  const points = lines.flatMap((line) => line.points);
  return {
    x: axisOver(
      points.map(({ x }) => x),
      false,
    ),
    y: { from: 0, to: isLoss ? Math.max(1, ...points.map(({ y }) => y ?? 0)) : 1, isLog: false },
    formatX: (round) => (Number.isInteger(round) ? whole(round) : ''),
    formatY: (value) => (isLoss ? value.toFixed(1) : String(Math.round(100 * value))),
    ...chart,
  };
}

/** Losses of a run in columns of equal length, one entry per optimizer step. */
export interface LossColumns {
  steps: number[];
  rounds: number[];
  /** null where the loss is not finite, which leaves a gap in the line. */
  losses: (number | null)[];
  gradientNorms: (number | null)[];
}

/** A point of a line that breaks between rounds; y is null in a gap. */
export interface RoundPoint {
  readonly x: number;
  readonly y: number | null;
  /** Missing of a line that does not break. */
  readonly round?: number | undefined;
}

/** The points with a gap between rounds, so that no line joins two tasks: half a step before the second. */
export function withGaps<P extends RoundPoint>(points: readonly P[]): (P | RoundPoint)[] {
  return points.flatMap((point, i): (P | RoundPoint)[] => {
    const isNew = i > 0 && point.round !== points[i - 1].round;
    return isNew ? [{ x: point.x - 0.5, y: null }, point] : [point];
  });
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** The columns to draw of a run. @param curves null before there are any. */
export const lossColumns = (curves: Results['curves'] | null): LossColumns => ({
  steps: curves?.step ?? [],
  rounds: curves?.round ?? [],
  losses: curves?.loss.map(finite) ?? [],
  gradientNorms: curves?.gradientNorm.map(finite) ?? [],
});

/**
 * Exponential moving average with Adam's bias correction, so that it begins at the first value and leaves a constant
 * unchanged. It restarts with every round, because the losses of different tasks are unrelated.
 *
 * @param weight weight of the past at each step, in [0, 1); 0 returns the values.
 * @returns null where the value is null; the average continues after a gap.
 */
export function smoothed(
  values: readonly (number | null)[],
  rounds: readonly number[],
  weight: number,
): (number | null)[] {
  let average = 0;
  let correction = 0;
  return values.map((value, i) => {
    if (i > 0 && rounds[i] !== rounds[i - 1]) average = correction = 0;
    if (value === null) return null;
    average = weight * average + (1 - weight) * value;
    correction = weight * correction + (1 - weight);
    return average / correction;
  });
}

/**
 * Which points to draw when there are too many: the first, the last, and the lowest and highest of each stretch, so
 * that no spike is lost. Smoothing comes first, over all points, and does not depend on this choice.
 *
 * @param max upper bound on the number of indices returned, at least 4.
 * @returns indices in ascending order, without repeats.
 */
export function drawnIndices(values: readonly (number | null)[], max: number): number[] {
  const { length } = values;
  if (length <= max) return values.map((_, i) => i);
  const drawn = new Set([0, length - 1]);
  const stretches = Math.floor((max - 2) / 2);
  for (let s = 0; s < stretches; s++) {
    const from = Math.floor((s * length) / stretches);
    const to = Math.floor(((s + 1) * length) / stretches);
    let low = from;
    let high = from;
    for (let i = from; i < to; i++) {
      if ((values[i] ?? Infinity) < (values[low] ?? Infinity)) low = i;
      if ((values[i] ?? -Infinity) > (values[high] ?? -Infinity)) high = i;
    }
    drawn.add(low).add(high);
  }
  return [...drawn].sort((a, b) => a - b);
}

/**
 * The points to draw of a run, with gaps between rounds so that no line joins two tasks.
 *
 * @param max upper bound on the points, not counting gaps.
 * @returns columns of equal length; a gap lies half a step before its round.
 */
export function drawnPoints(
  { steps, rounds, losses }: LossColumns,
  averages: readonly (number | null)[],
  max: number,
): { steps: number[]; losses: (number | null)[]; averages: (number | null)[] } {
  const points = { steps: [] as number[], losses: [] as (number | null)[], averages: [] as (number | null)[] };
  const add = (step: number, loss: number | null, average: number | null): void => {
    points.steps.push(step);
    points.losses.push(loss);
    points.averages.push(average);
  };
  let round: number | undefined;
  for (const i of drawnIndices(losses, max)) {
    const step = steps[i] ?? 0;
    if (round !== undefined && rounds[i] !== round) add(step - 0.5, null, null);
    round = rounds[i];
    add(step, losses[i] ?? null, averages[i] ?? null);
  }
  return points;
}

/** The steps of one task on the step axis, from 1, both ends included. */
export interface TaskStretch {
  task: string;
  from: number;
  to: number;
}

/** The steps of each task according to the plan, known before the first step. Rounds without steps are left out. */
export function taskStretches(stepsPerRound: readonly number[], nameOf: (round: number) => string): TaskStretch[] {
  let end = 0;
  return stepsPerRound
    .map((count, i) => {
      const from = end + 1;
      end += count;
      return { task: nameOf(i + 1), from, to: end };
    })
    .filter(({ from, to }) => to >= from);
}

/** At most `max` evenly spaced indices below `length`, including the first and last: rows of a chart's table. */
export function sampledRows(length: number, max: number): number[] {
  if (length <= max) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: max }, (_, i) => Math.round((i * (length - 1)) / (max - 1)));
}
