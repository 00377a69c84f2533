import type { MethodSummary, PartSummary, RunFacts } from './summary.ts';

const WIDTH = 760;
const HEIGHT = 480;
const MARGIN = { left: 60, right: 170, top: 36, bottom: 48 };
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000', '#7a5195'];
const SHAPES = ['circle', 'square', 'diamond'] as const;

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[one] ?? one);

interface Point {
  readonly x: number;
  readonly y: number;
}

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

/** The Pareto front, from left to right: points that no other equals or beats in both values; more is better. */
export function paretoFront<P extends Point>(points: readonly P[]): P[] {
  const dominates = (a: Point, b: Point): boolean => a.x >= b.x && a.y >= b.y && (a.x > b.x || a.y > b.y);
  return points.filter((one) => !points.some((other) => dominates(other, one))).sort((a, b) => a.x - b.x);
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

/** A frame with axes, and the position of a value in it. */
function frame(title: string, xName: string, yName: string, xs: readonly number[], ys: readonly number[]) {
  const [xTicks, yTicks] = [ticksOf(xs), ticksOf(ys)];
  const [right, bottom] = [WIDTH - MARGIN.right, HEIGHT - MARGIN.bottom];
  const between = (value: number, ticks: readonly number[], from: number, to: number): number =>
    from + ((value - ticks[0]) / (ticks[ticks.length - 1] - ticks[0])) * (to - from);
  const place = ({ x, y }: Point): Point => ({
    x: between(x, xTicks, MARGIN.left, right),
    y: between(y, yTicks, bottom, MARGIN.top),
  });
  const number = (value: number): string => `${Number(value.toPrecision(6))}`;
  const lines = [
    ...xTicks.map((tick) => {
      const { x } = place({ x: tick, y: yTicks[0] });
      const line = `<line x1="${x.toFixed(1)}" y1="${MARGIN.top}" x2="${x.toFixed(1)}" y2="${bottom}" stroke="#ddd"/>`;
      return `${line}<text x="${x.toFixed(1)}" y="${bottom + 16}" text-anchor="middle">${number(tick)}</text>`;
    }),
    ...yTicks.map((tick) => {
      const { y } = place({ x: xTicks[0], y: tick });
      const line = `<line x1="${MARGIN.left}" y1="${y.toFixed(1)}" x2="${right}" y2="${y.toFixed(1)}" stroke="#ddd"/>`;
      return `${line}<text x="${MARGIN.left - 8}" y="${(y + 4).toFixed(1)}" text-anchor="end">${number(tick)}</text>`;
    }),
    `<text x="${MARGIN.left}" y="20" font-weight="bold">${escaped(title)}</text>`,
    `<text x="${(MARGIN.left + right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escaped(xName)}</text>`,
    `<text x="16" y="${(MARGIN.top + bottom) / 2}" text-anchor="middle" transform="rotate(-90 16 ${(MARGIN.top + bottom) / 2})">${escaped(yName)}</text>`,
  ];
  return { place, lines };
}

function legend(names: readonly string[]): string[] {
  const x = WIDTH - MARGIN.right + 16;
  return names.map((name, i) => {
    const y = MARGIN.top + 8 + 18 * i;
    return `${mark(i, { x, y }, 5, 1)}<text x="${x + 12}" y="${y + 4}">${escaped(name)}</text>`;
  });
}

const document = (title: string, body: readonly string[]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" ` +
  `font-family="system-ui, sans-serif" font-size="12" role="img"><title>${escaped(title)}</title>` +
  `<rect width="100%" height="100%" fill="#fff"/>\n${body.join('\n')}\n</svg>\n`;

/** Points by method, each a run or a mean. */
interface Series {
  readonly name: string;
  readonly mean: Point;
  readonly runs: readonly Point[];
}

function seriesOf(
  methods: readonly MethodSummary[],
  pick: (one: Pick<RunFacts, 'bwt' | 'justLearned'>) => Point | null,
): Series[] {
  return methods.flatMap(({ label, tried, measures, runs }): Series[] => {
    if (Object.keys(tried).length > 0) return [];
    const { bwt, justLearned } = measures;
    const mean = pick({ bwt: bwt?.mean ?? null, justLearned: justLearned?.mean ?? null });
    return mean ? [{ name: label, mean, runs: runs.flatMap((run) => pick(run) ?? []) }] : [];
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
  const { place, lines } = frame(
    title,
    'BWT, points (right: forgets less)',
    'just learned, % (up: learns more)',
    all.map(({ x }) => x),
    all.map(({ y }) => y),
  );
  const front = paretoFront(series.map(({ mean }) => mean)).map(place);
  const path = front.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  return document(title, [
    ...lines,
    `<polyline points="${path}" fill="none" stroke="#888" stroke-dasharray="4 3"/>`,
    ...series.flatMap(({ runs }, i) => runs.map((run) => mark(i, place(run), 3, 0.35))),
    ...series.map(({ mean }, i) => mark(i, place(mean), 6, 1)),
    ...legend(series.map((one) => one.name)),
  ]);
}

/** AP of every run, one column per method, since a mean would hide two modes. Null without runs. */
export function apPlot({ name, methods }: PartSummary): string | null {
  const columns = methods.filter(({ tried, measures }) => Object.keys(tried).length === 0 && measures.ap !== null);
  const values = columns.flatMap(({ runs }) => runs.flatMap(({ ap }) => ap ?? []));
  if (values.length === 0) return null;
  const title = `${name}: AP of every run`;
  const xs = [0, columns.length + 1];
  const { place, lines } = frame(title, 'method, in the order of the legend', 'AP exact, %', xs, values);
  return document(title, [
    ...lines,
    ...columns.flatMap(({ runs }, i) =>
      runs.flatMap(({ ap }) => (ap === null ? [] : [mark(i, place({ x: i + 1, y: ap }), 4, 0.5)])),
    ),
    ...columns.map(({ measures }, i) => {
      const { x, y } = place({ x: i + 1, y: measures.ap?.mean ?? 0 });
      return `<line x1="${(x - 12).toFixed(1)}" y1="${y.toFixed(1)}" x2="${(x + 12).toFixed(1)}" y2="${y.toFixed(1)}" stroke="#000" stroke-width="2"/>`;
    }),
    ...legend(columns.map(({ label }) => label)),
  ]);
}

/**
 * AP over the values of a grid, one line per method and other settings: flat is better than a high peak. Null without a
 * grid.
 */
export function sensitivityPlots({ name, methods }: PartSummary): { setting: string; label: string; svg: string }[] {
  const labels = [...new Set(methods.filter(({ tried }) => Object.keys(tried).length > 0).map(({ label }) => label))];
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
      const points = own.map((one) => ({
        x: Math.log10(Number(one.tried[setting])),
        y: one.measures.ap?.mean ?? 0,
        rest: rest(one),
      }));
      const finite = points.filter(({ x }) => Number.isFinite(x));
      if (finite.length === 0) return [];
      const title = `${name}: AP of ${label} over ${setting}`;
      const xs = finite.map(({ x }) => x);
      const ys = finite.map(({ y }) => y);
      const { place, lines } = frame(title, `log₁₀ ${setting}`, 'AP exact, %', xs, ys);
      const body = others.flatMap((other, i) => {
        const line = finite
          .filter((one) => one.rest === other)
          .sort((a, b) => a.x - b.x)
          .map(place);
        const path = line.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
        return [
          `<polyline points="${path}" fill="none" stroke="${COLOURS[i % COLOURS.length]}"/>`,
          ...line.map((at) => mark(i, at, 4, 1)),
        ];
      });
      return [{ setting, label, svg: document(title, [...lines, ...body, ...legend(others)]) }];
    });
  });
}
