import { createElement, type PointerEvent, type ReactElement, useMemo, useRef, useState } from 'react';
import { axisScale, linearScale, linePath } from '../../charts/axis.ts';
import { type Chart, type ChartStyle, drawChart, MARGIN, type SvgNode } from '../../charts/chart.ts';
import { useWidth } from '../ui/hooks.ts';
import { type Numbers, SaveTools } from './save.tsx';
import { drawnIndices } from './series.ts';
import styles from './charts.module.css';

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
  readonly numbers: () => Numbers;
}

interface Props {
  /** Drawn again when it is another object. */
  chart: Chart;
  height?: number;
  /** What there is at a place of the x-axis: the nearest value with numbers, and these in words; null for nothing. */
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
            draw={(take) => {
              const svg = frame.current?.querySelector('svg');
              if (svg) take(svg);
            }}
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

/** What a cell may be too narrow for. */
const whole = (text: string): string | undefined => (text.length > 24 ? text : undefined);

function Table({ caption, columns, rows }: ChartTable) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={styles.summary}>{caption} as a table</summary>
      {open && (
        <div className="scroll box tall" tabIndex={0} role="region" aria-label={caption}>
          <table className="table numbers">
            <caption className="hidden-visually">{caption}</caption>
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column} scope="col" title={whole(column)}>
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows().map(([head, ...cells], index) => (
                <tr key={index}>
                  <th scope="row" title={whole(head)}>
                    {head}
                  </th>
                  {cells.map((cell, column) => (
                    <td key={column} title={whole(cell)}>
                      {cell}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
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
