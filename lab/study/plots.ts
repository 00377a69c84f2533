import { paretoFront, type Point } from '../../src/run/results/pareto.ts';
import { isPlain, type MethodSummary, type PartSummary, type RunFacts } from './summary.ts';

const WIDTH = 760;
const HEIGHT = 480;
const MARGIN = { left: 60, right: 170, top: 36, bottom: 48 };
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000', '#7a5195'];
const SHAPES = ['circle', 'square', 'diamond'] as const;

const escaped = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cs}]/gu, ' ')
    .replace(/[&<>"]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[one] ?? one);

/** About five round numbers that span the values. */
export function ticksOf(values: readonly number[]): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const rough = Math.max(most - least, 1) / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * unit >= rough) ?? 10) * unit;
  const first = Math.floor(least / step);
  const last = Math.max(first + 1, Math.ceil(most / step));
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function mark(index: number, { x, y }: Point, size: number, opacity: number): string {
  const colour = COLOURS[index % COLOURS.length];
  const shape = SHAPES[Math.floor(index / COLOURS.length) % SHAPES.length];
  const paint = `fill="${colour}" fill-opacity="${opacity}"`;
  if (shape === 'circle') return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${size}" ${paint}/>`;
  const turn = shape === 'diamond' ? ` transform="rotate(45 ${x.toFixed(1)} ${y.toFixed(1)})"` : '';
  const [left, top] = [x - size, y - size].map((value) => value.toFixed(1));
  return `<rect x="${left}" y="${top}" width="${2 * size}" height="${2 * size}" ${paint}${turn}/>`;
}

/** An axis: its name, and its marks in ascending order; the first and the last are its ends. */
interface Axis {
  readonly name: string;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
  /** Whether the texts are too long to stand side by side. */
  readonly tilted?: boolean;
}

/** An axis with round numbers. */
const numbers = (name: string, values: readonly number[]): Axis => ({
  name,
  ticks: ticksOf(values).map((at) => ({ at, text: `${Number(at.toPrecision(6))}` })),
});

/** An axis with a place for each text, 1 to n. */
const places = (name: string, texts: readonly string[], tilted = false): Axis => ({
  name,
  tilted,
  ticks: ['', ...texts, ''].map((text, at) => ({ at, text })),
});

/** A frame with axes, and the position of a value in it. */
function frame(title: string, xAxis: Axis, yAxis: Axis): { place: (point: Point) => Point; lines: string[] } {
  const [right, bottom] = [WIDTH - MARGIN.right, HEIGHT - MARGIN.bottom];
  const between = (value: number, { ticks }: Axis, from: number, to: number): number =>
    from + ((value - ticks[0].at) / (ticks[ticks.length - 1].at - ticks[0].at)) * (to - from);
  const place = ({ x, y }: Point): Point => ({
    x: between(x, xAxis, MARGIN.left, right),
    y: between(y, yAxis, bottom, MARGIN.top),
  });
  const middle = (MARGIN.top + bottom) / 2;
  const lines = [
    ...xAxis.ticks.map(({ at, text }) => {
      const x = between(at, xAxis, MARGIN.left, right).toFixed(1);
      const line = `<line x1="${x}" y1="${MARGIN.top}" x2="${x}" y2="${bottom}" stroke="#ddd"/>`;
      const turn = xAxis.tilted
        ? `text-anchor="end" transform="rotate(-30 ${x} ${bottom + 16})"`
        : 'text-anchor="middle"';
      return `${line}<text x="${x}" y="${bottom + 16}" ${turn}>${escaped(text)}</text>`;
    }),
    ...yAxis.ticks.map(({ at, text }) => {
      const y = between(at, yAxis, bottom, MARGIN.top);
      const line = `<line x1="${MARGIN.left}" y1="${y.toFixed(1)}" x2="${right}" y2="${y.toFixed(1)}" stroke="#ddd"/>`;
      return `${line}<text x="${MARGIN.left - 8}" y="${(y + 4).toFixed(1)}" text-anchor="end">${escaped(text)}</text>`;
    }),
    `<text x="${MARGIN.left}" y="20" font-weight="bold">${escaped(title)}</text>`,
    `<text x="${(MARGIN.left + right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escaped(xAxis.name)}</text>`,
    `<text x="16" y="${middle}" text-anchor="middle" transform="rotate(-90 16 ${middle})">${escaped(yAxis.name)}</text>`,
  ];
  return { place, lines };
}

function legend(entries: readonly { readonly name: string; readonly index: number }[]): string[] {
  const x = WIDTH - MARGIN.right + 16;
  return entries.map(({ name, index }, row) => {
    const y = MARGIN.top + 8 + 18 * row;
    return `${mark(index, { x, y }, 5, 1)}<text x="${x + 12}" y="${y + 4}">${escaped(name)}</text>`;
  });
}

const document = (title: string, body: readonly string[]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" ` +
  `font-family="system-ui, sans-serif" font-size="12" role="img"><title>${escaped(title)}</title>` +
  `<rect width="100%" height="100%" fill="#fff"/>\n${body.join('\n')}\n</svg>\n`;

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
  const title = `${name}: forgetting and learning`;
  const bwt = all.map(({ x }) => x);
  const learned = all.map(({ y }) => y);
  const { place, lines } = frame(
    title,
    numbers('BWT, points (right: forgets less)', bwt),
    numbers('just learned, % (up: learns more)', learned),
  );
  const front = paretoFront(series, ({ mean }) => mean).map(({ mean }) => place(mean));
  const path = front.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  return document(title, [
    ...lines,
    `<polyline points="${path}" fill="none" stroke="#888" stroke-dasharray="4 3"/>`,
    ...series.flatMap(({ runs, index }) => runs.map((run) => mark(index, place(run), 3, 0.35))),
    ...series.map(({ mean, index }) => mark(index, place(mean), 6, 1)),
    ...legend(series),
  ]);
}

const apName = (ownScores?: true): string => (ownScores ? 'AP, % of each task’s own score' : 'AP exact, %');

/** AP of every run, one column per method, since a mean would hide two modes. Null without runs. */
export function apPlot({ name, ownScores, methods }: PartSummary): string | null {
  const columns = methods.flatMap(({ label, tried, measures, runs }, index) =>
    isPlain(tried) && measures.ap !== null ? [{ label, index, mean: measures.ap.mean, runs }] : [],
  );
  const values = columns.flatMap(({ runs }) => runs.flatMap(({ ap }) => ap ?? []));
  if (values.length === 0) return null;
  const title = `${name}: AP of every run`;
  const names = columns.map(({ label }) => label);
  const { place, lines } = frame(title, places('', names, true), numbers(apName(ownScores), values));
  return document(title, [
    ...lines,
    ...columns.flatMap(({ runs, index }, i) =>
      runs.flatMap(({ ap }) => (ap === null ? [] : [mark(index, place({ x: i + 1, y: ap }), 4, 0.5)])),
    ),
    ...columns.map(({ mean }, i) => {
      const { x, y } = place({ x: i + 1, y: mean });
      return `<line x1="${(x - 12).toFixed(1)}" y1="${y.toFixed(1)}" x2="${(x + 12).toFixed(1)}" y2="${y.toFixed(1)}" stroke="#000" stroke-width="2"/>`;
    }),
  ]);
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
      const others = [...new Set(own.map(rest))];
      const values = [...new Set(own.map(({ tried }) => Number(tried[setting])))].sort((a, b) => a - b);
      const points = own.map((one) => ({
        x: values.indexOf(Number(one.tried[setting])) + 1,
        y: one.measures.ap?.mean ?? 0,
        rest: rest(one),
      }));
      const title = `${name}: AP of ${label} over ${setting}`;
      const xAxis = places(setting, values.map(String));
      const ys = points.map(({ y }) => y);
      const { place, lines } = frame(title, xAxis, numbers(apName(ownScores), ys));
      const body = others.flatMap((other, i) => {
        const line = points
          .filter((one) => one.rest === other)
          .sort((a, b) => a.x - b.x)
          .map(place);
        const path = line.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
        return [
          `<polyline points="${path}" fill="none" stroke="${COLOURS[i % COLOURS.length]}"/>`,
          ...line.map((at) => mark(i, at, 4, 1)),
        ];
      });
      const entries = others.map((other, index) => ({ name: other, index }));
      return [{ setting, label, svg: document(title, [...lines, ...body, ...legend(entries)]) }];
    });
  });
}
