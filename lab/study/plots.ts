import { type Axis, linearStep } from '../../src/charts/axis.ts';
import {
  type Chart,
  type ChartLine,
  type ChartStyle,
  drawChart,
  type Mark,
  SERIES_COLORS,
  svgNode,
  svgText,
} from '../../src/charts/chart.ts';
import { type Point, paretoFront } from '../../src/base/statistics.ts';
import { isPlain, type MethodSummary, type PartSummary, type RunFacts } from './summary.ts';

const SIZE = { width: 760, height: 480 };
const SHAPES = ['circle', 'square', 'diamond'] as const;

/** A chart on paper: a file has no style sheet. */
const STYLE: ChartStyle = {
  chart: {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${SIZE.width} ${SIZE.height}`,
    fontFamily: 'system-ui, sans-serif',
    fontSize: 12,
  },
  grid: { stroke: '#ddd' },
  border: { stroke: '#888' },
  tick: {},
  name: {},
  legend: {},
};

/** About five round numbers that span the values. */
export function ticksOf(values: readonly number[]): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const step = linearStep(Math.max(most - least, 1), 5);
  const first = Math.floor(least / step);
  const last = Math.max(first + 1, Math.ceil(most / step));
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** An axis between its first and its last mark. */
const over = (ticks: readonly number[]): Axis => ({ from: ticks[0], to: ticks[ticks.length - 1], isLog: false });

const colourOf = (index: number): string => SERIES_COLORS[index % SERIES_COLORS.length][0];

const markOf = (index: number, size: number, opacity = 1): Mark => ({
  shape: SHAPES[Math.floor(index / SERIES_COLORS.length) % SHAPES.length],
  size,
  opacity,
});

/** Marks without a line between them. */
const dots = (name: string, color: string, mark: Mark, points: readonly Point[], isNamed = false): ChartLine => ({
  name,
  color,
  mark,
  points,
  isNamed,
  width: 0,
});

type Sides = Pick<Chart, 'lines' | 'xName' | 'yName'> & {
  /** Marks of the axes. */
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** The texts at 1, 2, … of an axis that is no scale. */
  readonly texts?: readonly string[];
  readonly isTilted?: boolean;
};

/** The file of a chart. */
function file(title: string, { x, y, texts, ...rest }: Sides): string {
  const format = (value: number): string => String(Number(value.toPrecision(6))).replace('-', '\u2212');
  const hasLegend = rest.lines.some(({ isNamed }) => isNamed);
  const drawn = drawChart(
    {
      ...rest,
      label: title,
      title,
      x: over(x),
      y: over(y),
      xTicks: x,
      yTicks: y,
      formatX: texts === undefined ? format : (at) => texts[at - 1] ?? '',
      formatY: format,
      legend: 'beside',
      margin: { left: 60, right: hasLegend ? 170 : 24, top: 44, bottom: 48 },
    },
    SIZE,
    STYLE,
  );
  const ground = svgNode('rect', { width: '100%', height: '100%', fill: '#fff' });
  return `${svgText({ ...drawn, children: [svgNode('title', {}, title), ground, ...drawn.children] })}\n`;
}

/** The marks of an axis with a place for each of some texts, 1 to n. */
const places = (texts: readonly string[]): number[] => ['', ...texts, ''].map((_, at) => at);

/** Points by method, each a run or a mean. */
interface Series {
  readonly name: string;
  /** Its place among the methods of the part, so that it looks the same in every plot. */
  readonly index: number;
  readonly mean: Point;
  readonly runs: readonly Point[];
}

function seriesOf(
  methods: readonly MethodSummary[],
  pick: (one: Pick<RunFacts, 'bwt' | 'justLearned'>) => Point | null,
): Series[] {
  return methods.flatMap(({ label, tried, measures, runs }, index): Series[] => {
    if (!isPlain(tried)) return [];
    const { bwt, justLearned } = measures;
    const mean = pick({ bwt: bwt?.mean ?? null, justLearned: justLearned?.mean ?? null });
    return mean ? [{ name: label, index, mean, runs: runs.flatMap((run) => pick(run) ?? []) }] : [];
  });
}

/**
 * BWT against accuracy just learned: a faint mark per run, a full one per method's mean, and a line through the methods
 * that no other beats in both. (Never learning is no way to avoid forgetting.) Null without such runs.
 */
export function paretoPlot({ name, methods }: PartSummary): string | null {
  const series = seriesOf(methods, ({ bwt, justLearned }) =>
    bwt === null || justLearned === null ? null : { x: bwt, y: justLearned },
  );
  if (series.length === 0) return null;
  const all = series.flatMap(({ mean, runs }) => [mean, ...runs]);
  const front = paretoFront(series, ({ mean }) => mean).map(({ mean }) => mean);
  return file(`${name}: forgetting and learning`, {
    x: ticksOf(all.map(({ x }) => x)),
    y: ticksOf(all.map(({ y }) => y)),
    xName: 'BWT, points (right: forgets less)',
    yName: 'just learned, % (up: learns more)',
    lines: [
      { name: 'front', color: '#888', dash: 1, width: 1, isNamed: false, points: front },
      ...series.map(({ name, index, runs }) => dots(name, colourOf(index), markOf(index, 3, 0.35), runs)),
      ...series.map(({ name, index, mean }) => dots(name, colourOf(index), markOf(index, 6), [mean], true)),
    ],
  });
}

const apName = (ownScores?: true): string => (ownScores ? 'AP, % of each task’s own score' : 'AP exact, %');

/** AP of every run, one column per method, since a mean would hide two modes. Null without runs. */
export function apPlot({ name, ownScores, methods }: PartSummary): string | null {
  const columns = methods.flatMap(({ label, tried, measures, runs }, index) =>
    isPlain(tried) && measures.ap !== null ? [{ label, index, mean: measures.ap.mean, runs }] : [],
  );
  const values = columns.flatMap(({ runs }) => runs.flatMap(({ ap }) => ap ?? []));
  if (values.length === 0) return null;
  const texts = columns.map(({ label }) => label);
  return file(`${name}: AP of every run`, {
    texts,
    x: places(texts),
    y: ticksOf(values),
    xName: '',
    yName: apName(ownScores),
    isTilted: true,
    lines: [
      ...columns.map(({ label, index, runs }, i) =>
        dots(
          label,
          colourOf(index),
          markOf(index, 4, 0.5),
          runs.flatMap(({ ap }) => (ap === null ? [] : [{ x: i + 1, y: ap }])),
        ),
      ),
      ...columns.map(({ label, mean }, i): ChartLine => {
        const points = [-0.1, 0.1].map((side) => ({ x: i + 1 + side, y: mean }));
        return { name: label, color: '#000', width: 2, isNamed: false, points };
      }),
    ],
  });
}

/**
 * AP over the values of a grid, evenly spaced, a plot for each method and a line for each of its other settings: flat is
 * better than a high peak. None without a grid.
 */
export function sensitivityPlots({
  name,
  ownScores,
  methods,
}: PartSummary): { setting: string; label: string; svg: string }[] {
  const labels = [...new Set(methods.filter(({ tried }) => !isPlain(tried)).map(({ label }) => label))];
  return labels.flatMap((label) => {
    const own = methods.filter((one) => one.label === label && one.measures.ap !== null);
    const settings = [...new Set(own.flatMap(({ tried }) => Object.keys(tried)))];
    return settings.slice(0, 1).flatMap((setting) => {
      const rest = ({ tried }: MethodSummary): string =>
        Object.entries(tried)
          .filter(([key]) => key !== setting)
          .map(([key, value]) => `${key} ${value}`)
          .join(', ') || label;
      const values = [...new Set(own.map(({ tried }) => Number(tried[setting])))].sort((a, b) => a - b);
      const texts = values.map(String);
      const svg = file(`${name}: AP of ${label} over ${setting}`, {
        texts,
        x: places(texts),
        y: ticksOf(own.map(({ measures }) => measures.ap?.mean ?? 0)),
        xName: setting,
        yName: apName(ownScores),
        lines: [...new Set(own.map(rest))].map((other, i): ChartLine => {
          const points = own
            .filter((one) => rest(one) === other)
            .map((one) => ({ x: values.indexOf(Number(one.tried[setting])) + 1, y: one.measures.ap?.mean ?? 0 }))
            .sort((a, b) => a.x - b.x);
          return { name: other, color: colourOf(i), mark: markOf(i, 4), width: 1, points };
        }),
      });
      return [{ setting, label, svg }];
    });
  });
}
