import { shownText } from '../base/visible.ts';
import { type Axis, axisScale, axisTicks, LETTER, linePath, spreadLabels } from './axis.ts';

/**
 * The colours of series on a light and on a dark ground: after Okabe and Ito, darkened or lightened so that lines are
 * readable.
 */
export const SERIES_COLORS: readonly (readonly [light: string, dark: string])[] = [
  ['#0067a5', '#5aaee8'],
  ['#c4500c', '#f08a4b'],
  ['#007a5a', '#3cc09a'],
  ['#a8508c', '#d98fc0'],
  ['#8a6a00', '#d9b63c'],
  ['#2d84b8', '#8fd0f5'],
  ['#5b5752', '#b8b4ac'],
];

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An SVG element before React draws it in the page, or {@link svgText} in a file. Attributes have React's names. */
export interface SvgNode {
  readonly tag: string;
  readonly attributes: Attributes;
  readonly children: readonly (SvgNode | string)[];
}

/** Makes an SVG element. */
export const svgNode = (
  tag: string,
  attributes: Attributes,
  ...children: readonly (SvgNode | string | readonly SvgNode[])[]
): SvgNode => ({
  tag,
  attributes,
  children: children.flat().map((child) => (typeof child === 'string' ? shownText(child) : child)),
});

/** A point of a line; a line breaks where y is null. A band around the line reaches from `low` to `high`. */
export interface ChartPoint {
  readonly x: number;
  readonly y: number | null;
  readonly low?: number | null;
  readonly high?: number | null;
}

/** How points are marked. */
export interface Mark {
  readonly shape: 'circle' | 'ring' | 'square' | 'diamond';
  /** Half its width, in pixels. */
  readonly size: number;
  readonly opacity?: number;
}

/** A line of a chart, or only the marks of its points. */
export interface ChartLine {
  readonly name: string;
  /** A CSS colour. */
  readonly color: string;
  /** Place in the sequence of dash patterns; solid by default. */
  readonly dash?: number;
  /** Width of the stroke in pixels; 0 for marks alone. */
  readonly width?: number;
  readonly mark?: Mark;
  /** False for a line that the legend leaves out. */
  readonly isNamed?: boolean;
  readonly points: readonly ChartPoint[];
}

/** A vertical line where something begins, with its name, which is left out where it does not fit. */
export interface ChartBorder {
  readonly x: number;
  readonly name: string;
  /** A CSS colour, for a dashed line; by default the border of a task. */
  readonly color?: string;
}

/** Maps values to a place in the drawing, in pixels; null for what a logarithmic axis cannot show. */
export type ToPlace = (x: number, y: number | null) => readonly [x: number, y: number] | null;

export interface Chart {
  /** Description for screen readers. */
  readonly label: string;
  /** A heading that is part of the drawing. */
  readonly title?: string;
  readonly lines: readonly ChartLine[];
  readonly x: Axis;
  readonly y: Axis;
  readonly xName: string;
  readonly yName: string;
  readonly formatX: (value: number) => string;
  readonly formatY: (value: number) => string;
  /** The values marked on an axis; about five round ones by default. Below, those are left out that would overlap. */
  readonly xTicks?: readonly number[];
  readonly yTicks?: readonly number[];
  /** Whether the texts below are too long to stand side by side. */
  readonly isTilted?: boolean;
  readonly borders?: readonly ChartBorder[];
  /**
   * Where the names of the lines stand, as part of the drawing: in rows, in a column, or each where its line ends;
   * `none` if the text around it names them.
   */
  readonly legend?: 'below' | 'beside' | 'ends' | 'none';
  /** Room around the plot, in pixels. */
  readonly margin?: Partial<typeof MARGIN>;
  /** Further elements, drawn last. */
  readonly over?: (place: ToPlace) => readonly SvgNode[];
}

/** How the parts of a chart look: a class in the page, attributes in a file. */
export type ChartStyle = Readonly<Record<'chart' | 'grid' | 'border' | 'tick' | 'name' | 'legend', Attributes>>;

/** Room around the plot of a chart, in pixels, unless it says otherwise. */
export const MARGIN = { top: 22, right: 16, bottom: 40, left: 46 };
const DASHES = [undefined, '6 3', '2 3'];

/** The dash pattern at a place in their sequence, each another one: first none, then with ever more dots. */
export const dashPattern = (place: number): string | undefined =>
  place < DASHES.length ? DASHES[place] : `8 3${' 2 3'.repeat(place - DASHES.length + 1)}`;

const LEGEND_ROW = 18;
/** Width of a legend's sample with its gap, and the gap between two entries. */
const SAMPLE = 26;
const GAP = 18;
/** Least distance of the names at the ends of lines, and their most letters. */
const END_GAP = 14;
const END_LETTERS = 14;
/** Room at the right of a plot for the names at the ends of its lines, in pixels. */
export const endsRoom = (names: readonly string[]): number =>
  20 + LETTER * Math.min(END_LETTERS, Math.max(0, ...names.map(({ length }) => length)));
/** Half the length of the dash that shows a point without neighbours. */
const HALF_DASH = 4;

interface Legend {
  /** The names, cut to fit a row. */
  readonly names: readonly string[];
  /** Where each entry begins, in CSS pixels from the left, and its row from 0. */
  readonly places: readonly { readonly x: number; readonly row: number }[];
  readonly rows: number;
}

const cut = (name: string, letters: number): string =>
  name.length > letters ? `${name.slice(0, letters - 1)}…` : name;

/** Lays out the entries of a legend in rows of a given width. */
export function legendPlaces(all: readonly string[], width: number): Legend {
  const most = Math.max(4, Math.floor((width - SAMPLE) / LETTER));
  const names = all.map((name) => cut(name, most));
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

/** Draws lines over two axes that may be logarithmic, with bands, marks, borders and a legend. */
export function drawChart(
  chart: Chart,
  { width, height }: { width: number; height: number },
  style: ChartStyle,
): SvgNode {
  const { label, title, lines, x, y, borders = [], legend: where = 'below', formatX, formatY } = chart;
  const margin = { ...MARGIN, ...chart.margin };
  const [bottom, right] = [height - margin.bottom, width - margin.right];
  const toX = axisScale(x, margin.left, right);
  const toY = axisScale(y, bottom, margin.top);
  const place: ToPlace = (px, py) => {
    const [sx, sy] = [toX(px), py === null ? null : toY(py)];
    return sx === null || sy === null ? null : [sx, Math.min(2 * height, Math.max(-height, sy))];
  };
  const named = where === 'none' || where === 'ends' ? [] : lines.filter(({ isNamed = true }) => isNamed);
  const legend = legendPlaces(where === 'below' ? named.map(({ name }) => name) : [], right - margin.left);
  const text = (attributes: Attributes, words: string): SvgNode => svgNode('text', attributes, words);

  const grid = (chart.yTicks ?? axisTicks(y, 5)).flatMap((tick) => {
    const at = toY(tick) ?? 0;
    return [
      svgNode('line', { ...style.grid, x1: margin.left, x2: right, y1: at, y2: at }),
      text({ ...style.tick, x: margin.left - 8, y: at, dy: '0.32em', textAnchor: 'end' }, formatY(tick)),
    ];
  });
  let free = -Infinity;
  const below = (chart.xTicks ?? axisTicks(x, Math.max(2, width / 90))).flatMap((tick) => {
    const [at, base, words] = [toX(tick) ?? 0, bottom + 16, formatX(tick)];
    const turn = { textAnchor: 'end', transform: `rotate(-30 ${at} ${base})` };
    const half = chart.isTilted ? 0 : (words.length * LETTER) / 2;
    if (words === '' || at - half < free) return [];
    free = at + half + 4;
    return [text({ ...style.tick, x: at, y: base, ...(chart.isTilted ? turn : { textAnchor: 'middle' }) }, words)];
  });
  const names = [
    text({ ...style.name, x: margin.left, y: margin.top - 10 }, chart.yName),
    text({ ...style.name, x: right, y: bottom + 32, textAnchor: 'end' }, chart.xName),
    ...(title === undefined ? [] : [text({ x: margin.left, y: 18, fontWeight: 'bold' }, title)]),
  ];
  const marks = lines.flatMap(({ color, mark, points }) =>
    mark === undefined ? [] : points.flatMap((one) => markAt(place(one.x, one.y), mark, color) ?? []),
  );
  const entries = named.map((line, i) => {
    const { x: lx, row } = where === 'below' ? legend.places[i] : { x: right + 16 - margin.left, row: i };
    const [left, middle] = [
      margin.left + lx,
      where === 'below' ? height + row * LEGEND_ROW + 4 : margin.top + 8 + row * LEGEND_ROW,
    ];
    const name = where === 'below' ? legend.names[i] : line.name;
    return [
      line.width === 0
        ? markAt([left + 10, middle], { ...(line.mark ?? DOT), opacity: 1 }, line.color)
        : svgNode('path', { ...strokeOf(line), d: `M${left} ${middle}h20` }),
      text({ ...style.legend, x: left + SAMPLE, y: middle, dy: '0.32em' }, name),
    ].filter((one) => one !== null);
  });
  const plot = { width: Math.max(0, right - margin.left), height: bottom - margin.top };
  const cut = svgNode(
    'svg', // cuts off what lies outside the axes
    { x: margin.left, y: margin.top, ...plot, viewBox: `${margin.left} ${margin.top} ${plot.width} ${plot.height}` },
    lines.flatMap((line) => bandOf(line, place, y.isLog)),
    lines.flatMap((line) =>
      line.width === 0 ? [] : [svgNode('path', { ...strokeOf(line), d: brokenPath(line.points, place) })],
    ),
  );
  return svgNode(
    'svg',
    { ...style.chart, width, height: height + legend.rows * LEGEND_ROW, role: 'img', 'aria-label': label },
    grid,
    below,
    bordersOf(borders, toX, { left: margin.left, right, top: margin.top, bottom }, style),
    names,
    lines.length === 0 ? [] : [cut],
    marks,
    entries.flat(),
    where === 'ends' ? namesAtEnds(lines, place, margin.top, bottom) : [],
    chart.over?.(place) ?? [],
  );
}

const strokeOf = ({ color, dash = 0, width = 1.75 }: ChartLine): Attributes => ({
  fill: 'none',
  stroke: color,
  strokeWidth: width,
  strokeLinejoin: 'round',
  strokeDasharray: dashPattern(dash),
});

/** A mark for every point of a line with few points. */
export const DOT: Mark = { shape: 'circle', size: 3 };

function markAt(place: readonly [number, number] | null, { shape, size, opacity }: Mark, fill: string): SvgNode | null {
  if (place === null) return null;
  const [x, y] = place.map((value) => Number(value.toFixed(1)));
  const paint = { fill, fillOpacity: opacity };
  if (shape === 'ring') return svgNode('circle', { cx: x, cy: y, r: size, fill: 'none', stroke: fill, strokeWidth: 2 });
  if (shape === 'circle') return svgNode('circle', { cx: x, cy: y, r: size, ...paint });
  const turn = shape === 'diamond' ? { transform: `rotate(45 ${x} ${y})` } : {};
  return svgNode('rect', { x: x - size, y: y - size, width: 2 * size, height: 2 * size, ...paint, ...turn });
}

/** The names of lines, each in its colour beside its last point, moved apart where they would overlap. */
function namesAtEnds(lines: readonly ChartLine[], place: ToPlace, top: number, bottom: number): SvgNode[] {
  const ends = lines.flatMap(({ name, color, isNamed = true, points }) => {
    const last = points.findLast(({ y }) => y !== null);
    const at = isNamed && last !== undefined ? place(last.x, last.y) : null;
    return at === null ? [] : [{ name, color, at }];
  });
  const heights = spreadLabels(
    ends.map(({ at }) => at[1]),
    END_GAP,
    top,
    bottom,
  );
  return ends.flatMap(({ name, color, at: [x, y] }, i) => [
    svgNode('path', {
      fill: 'none',
      stroke: color,
      opacity: 0.5,
      d: linePath([
        [x + 5, y],
        [x + 12, heights[i]],
      ]),
    }),
    svgNode(
      'text',
      { x: x + 15, y: heights[i], dy: '0.32em', fill: color, fontSize: 12, fontWeight: 600 },
      cut(name, END_LETTERS),
    ),
  ]);
}

/** The path of a line; a point without neighbours is a short dash. */
function brokenPath(points: readonly ChartPoint[], place: ToPlace): string {
  const places = points.map(({ x, y }) => place(x, y));
  const isLone = (i: number): boolean => (places[i - 1] ?? null) === null && (places[i + 1] ?? null) === null;
  return linePath(
    places.flatMap((at, i): (readonly [number, number] | null)[] =>
      at === null || !isLone(i)
        ? [at]
        : [
            [at[0] - HALF_DASH, at[1]],
            [at[0] + HALF_DASH, at[1]],
          ],
    ),
  );
}

/** The area between the lower and upper ends of a line's band, split at gaps; none if no point has a band. */
function bandOf({ points, color }: ChartLine, place: ToPlace, isLog: boolean): SvgNode[] {
  // On a logarithmic axis the end of a band at 0 or less has no place, but lies below all others.
  const end = (x: number, y: number | null): readonly [number, number] | null =>
    place(x, y !== null && isLog ? Math.max(y, Number.MIN_VALUE) : y);
  let path = '';
  let upper: (readonly [number, number])[] = [];
  let lower: (readonly [number, number])[] = [];
  const close = (): void => {
    if (upper.length > 1) path += `${linePath([...upper, ...lower.reverse()])}Z`;
    upper = [];
    lower = [];
  };
  for (const { x, low = null, high = null } of points) {
    const [above, below] = [end(x, high), end(x, low)];
    if (above === null || below === null) close();
    else {
      upper.push(above);
      lower.push(below);
    }
  }
  close();
  return path === '' ? [] : [svgNode('path', { d: path, fill: color, fillOpacity: 0.14 })];
}

function bordersOf(
  borders: readonly ChartBorder[],
  toX: (value: number) => number | null,
  { left, right, top, bottom }: { left: number; right: number; top: number; bottom: number },
  style: ChartStyle,
): SvgNode[] {
  return borders.flatMap(({ x, name, color }, i) => {
    const at = toX(x);
    if (at === null || at < left || at > right) return [];
    const next = toX(borders.slice(i + 1).find((one) => one.name !== '')?.x ?? Infinity) ?? right;
    const paint = color === undefined ? style.border : { stroke: color, strokeDasharray: '4 3' };
    const line = svgNode('line', { ...paint, x1: at, x2: at, y1: top, y2: bottom });
    if (Math.min(next, right) - at <= name.length * LETTER + 8) return [line];
    return [line, svgNode('text', { ...style.tick, x: at + 4, y: top + 8 }, name)];
  });
}

/** An element as text of an SVG file. Characters that no XML can hold become spaces. */
export function svgText({ tag, attributes, children }: SvgNode): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${attributeName(name)}="${escaped(String(value))}"`);
  const inner = children.map((child) => (typeof child === 'string' ? escaped(child) : svgText(child)));
  return `<${tag}${written.join('')}>${inner.join('')}</${tag}>`;
}

/** The name in SVG of what React calls `strokeWidth`. `viewBox` is called so in both. */
const attributeName = (name: string): string =>
  name === 'viewBox' ? name : name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const escaped = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cs}]/gu, ' ')
    .replace(/[&<>"]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[one] ?? one);
