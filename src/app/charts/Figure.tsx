import { PlainTable } from '../ui/blocks.tsx';
import { createElement, type PointerEvent, type ReactElement, useMemo, useRef, useState } from 'react';
import { axisOver, axisScale, linearScale, linePath } from '../../charts/axis.ts';
import { type Chart, type ChartStyle, drawChart, MARGIN, type SvgNode, SERIES_COLORS } from '../../charts/chart.ts';
import { METHOD_NAMES, type MethodName } from '../../methods/registry.ts';
import type { Results } from '../../run/results/results.ts';
import { whole } from '../ui/format.ts';
import { useWidth } from '../ui/hooks.ts';
import { type ChartNumbers, SaveTools } from './save.tsx';
import styles from './charts.module.css';

/** The colour of a series, by the page's theme; when all are used, colours repeat with another dash. */
export const seriesColor = (index: number): string =>
  `light-dark(${SERIES_COLORS[index % SERIES_COLORS.length].join(', ')})`;

/** Place of a series in the sequence of dash patterns. */
export const seriesDash = (index: number): number => Math.floor(index / SERIES_COLORS.length);

/** The methods that are compared most: each has a hue of its own. The others share them. */
const MAIN: readonly MethodName[] = ['gorp-plus', 'seq-lora', 'gorp', 'gpm', 'inf-lora', 'gain-lora', 'o-lora'];
const BY_HUE = [...MAIN, ...METHOD_NAMES.filter((name) => !MAIN.includes(name))];

/** The colour of a method, the same in every chart. */
export const methodColor = (method: MethodName): string => seriesColor(BY_HUE.indexOf(method));

/** How a line is drawn. */
export interface LineStyle {
  readonly color: string;
  /** Place in the sequence of dash patterns. */
  readonly dash: number;
}

/** The styles of a chart's lines by their methods, never two alike: lines of one colour have different dashes. */
export function lineStyles(methods: readonly MethodName[]): LineStyle[] {
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

const STYLE: ChartStyle = {
  chart: { className: styles.chart },
  grid: { className: styles.grid },
  border: { className: styles.border },
  tick: { className: styles.tick },
  name: { className: styles.name },
  legend: { className: styles.legend },
};

/** The numbers of a chart, to read below it and to save. */
export interface ChartTable {
  /** The kind of rows, for the summary line and for screen readers. */
  readonly caption: string;
  /** Above a saved picture, if not the caption. */
  readonly title?: string;
  readonly columns: readonly string[];
  /** Makes the rows when the table is opened, not on every event. The first column is the row header. */
  readonly rows: () => readonly (readonly string[])[];
  /** File name without extension: `loss`. */
  readonly file: string;
  readonly numbers: () => ChartNumbers;
}

interface Props {
  /** Drawn again when it is another object. */
  chart: Chart;
  height?: number;
  /** Returns the nearest place of the x-axis with numbers, and these in words; null if there is none. */
  read?: (x: number) => { x: number; words: string } | null;
  table?: ChartTable;
}

/** A chart as wide as its place, what the pointer is at, its numbers in a table that opens, and both as files. */
export function Figure({ chart, height = 280, read, table }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [pointed, setPointed] = useState<number | null>(null);
  // Moving the pointer does not draw the chart again.
  const drawing = useMemo(
    () => width > 0 && <ChartDrawing {...chart} width={width} height={height} />,
    [chart, width, height],
  );
  const { left, right, top, bottom } = { ...MARGIN, ...chart.margin };
  const { from, to } = chart.x;
  const point = ({ clientX, currentTarget }: PointerEvent): void => {
    const share = (clientX - currentTarget.getBoundingClientRect().left - left) / (width - left - right);
    setPointed(share >= 0 && share <= 1 ? from + share * (to - from) : null);
  };
  const reading = pointed === null ? null : (read?.(pointed) ?? null);
  return (
    <>
      {read !== undefined && <output className={`help ${styles.reading}`}>{reading?.words}</output>}
      <div
        ref={frame}
        className={styles.figure}
        style={{ minHeight: height }}
        {...(read && { onPointerMove: point, onPointerLeave: () => setPointed(null) })}
      >
        {drawing}
        {reading !== null && (
          <div
            className={styles.cursor}
            style={{
              left: axisScale(chart.x, left, width - right)(reading.x) ?? 0,
              top,
              height: height - top - bottom,
            }}
          />
        )}
      </div>
      {table !== undefined && (
        <div className={styles.foot}>
          <Table {...table} />
          <SaveTools
            {...table}
            title={table.title ?? table.caption}
            drawing={() => frame.current?.querySelector('svg') ?? null}
          />
        </div>
      )}
    </>
  );
}

/** A chart of a given size, also for one that is saved without being shown. */
export function ChartDrawing({ width, height, ...chart }: Chart & { width: number; height: number }) {
  return drawn(drawChart(chart, { width, height }, STYLE));
}

function drawn({ tag, attributes, children }: SvgNode): ReactElement {
  const inner = children.map((child) => (typeof child === 'string' ? child : drawn(child)));
  return createElement(tag, attributes, ...inner);
}

function Table({ caption, columns, rows }: ChartTable) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={styles.summary}>{caption} as a table</summary>
      {open && <PlainTable label={caption} head={columns} rows={rows()} box="box tall" />}
    </details>
  );
}

/** Pixels of a line that stands in a text. */
const WORD = { width: 64, height: 22 };
/** The lowest and the highest point of every pixel. */
const MOST_POINTS = 2 * WORD.width;

interface SparklineProps {
  points: readonly { step: number; value: number }[];
  /** Range of the values. */
  low?: number;
  high?: number;
  /** Steps of the whole run, so that all lines have one time axis. */
  steps: number;
}

/** A value over the run as a word in a text, without axes, by default a share. The number beside it is the latest. */
export function Sparkline({ points, steps, low = 0, high = 1 }: SparklineProps) {
  const x = linearScale(0, Math.max(steps, points.at(-1)?.step ?? 1), 1, WORD.width - 1);
  const y = linearScale(low, high, WORD.height - 2, 2);
  const values = points.map(({ value }) => value);
  const drawn = drawnIndices(values, MOST_POINTS).map((i) => points[i]);
  return (
    <svg width={WORD.width} height={WORD.height} aria-hidden="true">
      <line className={styles.base} x1={0} x2={WORD.width} y1={WORD.height - 1.5} y2={WORD.height - 1.5} />
      <path className={styles.sparkline} d={linePath(drawn.map(({ step, value }) => [x(step), y(value)]))} />
    </svg>
  );
}
