import { useRef } from 'react';
import { useWidth } from '../ui/hooks.ts';
import { type Axis, axisScale, axisTicks, LETTER, linePath } from './axis.ts';
import { seriesColor } from './colors.ts';
import styles from './LineChart.module.css';

const SAMPLE = 26;
const GAP = 18;

interface Legend {
  /** The names, cut to fit a row. */
  readonly names: readonly string[];
  /** Where each entry begins, in CSS pixels from the left, and its row from 0. */
  readonly places: readonly { readonly x: number; readonly row: number }[];
  readonly rows: number;
}

/** Lays out the entries of a legend in rows of a given width. */
export function legendPlaces(all: readonly string[], width: number): Legend {
  const most = Math.max(4, Math.floor((width - SAMPLE) / LETTER));
  const names = all.map((name) => (name.length > most ? `${name.slice(0, most - 1)}…` : name));
  let [x, row] = [0, 0];
  const places = names.map((name) => {
    const needs = SAMPLE + name.length * LETTER;
    if (x > 0 && x + needs > width) [x, row] = [0, row + 1];
    const place = { x, row };
    x += needs + GAP;
    return place;
  });
  return { names, places, rows: names.length === 0 ? 0 : row + 1 };
}

/** A line of a chart, with a band around it if `low` and `high` are given. */
export interface ChartLine {
  readonly name: string;
  /** Place in the sequence of colours and dashes. */
  readonly color: number;
  readonly dash: number;
  readonly points: readonly {
    readonly x: number;
    readonly y: number | null;
    readonly low?: number | null;
    readonly high?: number | null;
  }[];
}

/** A vertical line where something begins, with its name. */
export interface ChartBorder {
  readonly x: number;
  readonly name: string;
}

interface Props {
  /** Description for screen readers. */
  label: string;
  lines: readonly ChartLine[];
  x: Axis;
  y: Axis;
  xName: string;
  yName: string;
  formatX: (value: number) => string;
  formatY: (value: number) => string;
  /** Whether every point is marked, for lines with few points. */
  marked?: boolean;
  borders?: readonly ChartBorder[];
  height?: number;
  /** Off for a single line that the text around it names. */
  hasLegend?: boolean;
}

const PLOT = { top: 22, right: 12, bottom: 40, left: 46 };
const LEGEND_ROW = 18;
const DASHES = ['', '6 3', '2 3', '8 3 2 3'];

/** Lines over a common axis, with bands, axes that may be logarithmic, and a legend that is part of the drawing. */
export function LineChart(props: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const { height = 280 } = props;
  return (
    <div ref={frame} style={{ minHeight: height }}>
      {width > 0 && <LineDrawing {...props} height={height} width={width} />}
    </div>
  );
}

/** {@link LineChart} at a given width, for a chart that is saved without being shown. */
export function LineDrawing(props: Props & { width: number; height: number }) {
  const { label, lines, x, y, xName, yName, formatX, formatY, marked = false, borders = [], width, height } = props;
  const named = props.hasLegend === false ? [] : lines;
  const legend = legendPlaces(
    named.map(({ name }) => name),
    width - PLOT.left - PLOT.right,
  );
  const bottom = height - PLOT.bottom;
  const right = width - PLOT.right;
  const toX = axisScale(x, PLOT.left, right);
  const toY = axisScale(y, bottom, PLOT.top);
  const at = (px: number, py: number | null): readonly [number, number] | null => {
    const [sx, sy] = [toX(px), py === null ? null : toY(py)];
    return sx === null || sy === null ? null : [sx, clamp(sy, -height, 2 * height)];
  };
  // On a logarithmic axis the end of a band at 0 or less has no place, but lies below all others.
  const atEnd = (px: number, py: number | null): readonly [number, number] | null =>
    at(px, py !== null && y.isLog ? Math.max(py, Number.MIN_VALUE) : py);
  return (
    <svg
      width={width}
      height={height + legend.rows * LEGEND_ROW}
      role="img"
      aria-label={label}
      className={styles.chart}
    >
      {axisTicks(y, 5).map((tick) => (
        <g key={tick}>
          <line className={styles.grid} x1={PLOT.left} x2={right} y1={toY(tick) ?? 0} y2={toY(tick) ?? 0} />
          <text className={styles.tick} x={PLOT.left - 8} y={toY(tick) ?? 0} dy="0.32em" textAnchor="end">
            {formatY(tick)}
          </text>
        </g>
      ))}
      {axisTicks(x, Math.max(2, width / 90)).map((tick) => (
        <text key={tick} className={styles.tick} x={toX(tick) ?? 0} y={bottom + 16} textAnchor="middle">
          {formatX(tick)}
        </text>
      ))}
      {borders.map(({ x: begin, name }, i) => {
        const place = toX(begin);
        if (place === null || place < PLOT.left || place > right) return null;
        const next = toX(borders[i + 1]?.x ?? Infinity) ?? right;
        return (
          <g key={begin}>
            <line className={styles.border} x1={place} x2={place} y1={PLOT.top} y2={bottom} />
            {Math.min(next, right) - place > name.length * LETTER + 8 && (
              <text className={styles.tick} x={place + 4} y={PLOT.top + 8}>
                {name}
              </text>
            )}
          </g>
        );
      })}
      <text className={styles.name} x={PLOT.left} y={12}>
        {yName}
      </text>
      <text className={styles.name} x={right} y={bottom + 32} textAnchor="end">
        {xName}
      </text>
      <svg
        x={PLOT.left}
        y={PLOT.top}
        width={Math.max(0, right - PLOT.left)}
        height={bottom - PLOT.top}
        viewBox={`${PLOT.left} ${PLOT.top} ${Math.max(0, right - PLOT.left)} ${bottom - PLOT.top}`}
        className={styles.plot}
      >
        {lines.map((line) => (
          <path key={line.name} className={styles.band} d={bandPath(line, atEnd)} style={colorOf(line)} />
        ))}
        {lines.map((line) => (
          <path
            key={line.name}
            className={styles.line}
            d={linePath(line.points.map((point) => at(point.x, point.y)))}
            strokeDasharray={DASHES[line.dash % DASHES.length]}
            style={colorOf(line)}
          />
        ))}
      </svg>
      {marked &&
        lines.flatMap((line) =>
          line.points.map((point, i) => {
            const place = at(point.x, point.y);
            return place === null ? null : (
              <circle
                key={`${line.name} ${i}`}
                className={styles.dot}
                cx={place[0]}
                cy={place[1]}
                r={3}
                style={colorOf(line)}
              />
            );
          }),
        )}
      {named.map((line, i) => {
        const place = legend.places[i] ?? { x: 0, row: 0 };
        const [lx, ly] = [PLOT.left + place.x, height + place.row * LEGEND_ROW + 4];
        return (
          <g key={line.name}>
            <path
              className={styles.line}
              d={`M${lx} ${ly}h20`}
              strokeDasharray={DASHES[line.dash % DASHES.length]}
              style={colorOf(line)}
            />
            <text className={styles.legend} x={lx + 26} y={ly} dy="0.32em">
              {legend.names[i]}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

const colorOf = ({ color }: ChartLine): { '--series': string } => ({ '--series': seriesColor(color) });

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** The area between the lower and upper ends of a line's band, split at gaps. */
function bandPath(
  { points }: ChartLine,
  at: (x: number, y: number | null) => readonly [number, number] | null,
): string {
  let path = '';
  let upper: (readonly [number, number])[] = [];
  let lower: (readonly [number, number])[] = [];
  const close = (): void => {
    if (upper.length > 1) path += `${linePath([...upper, ...lower.reverse()])}Z`;
    upper = [];
    lower = [];
  };
  for (const { x, low = null, high = null } of points) {
    const [above, below] = [at(x, high), at(x, low)];
    if (above === null || below === null) close();
    else {
      upper.push(above);
      lower.push(below);
    }
  }
  close();
  return path;
}
