import { type Point, isOnFront, paretoFront } from '../../../base/statistics.ts';
import { axisOver, LETTER } from '../../../charts/axis.ts';
import { type Chart, svgNode } from '../../../charts/chart.ts';
import { Figure, methodColor } from '../../charts/Figure.tsx';
import { usePageState } from '../../state/page-context.tsx';
import { measuresIn } from '../../state/scores.ts';
import { percent, points } from '../../ui/format.ts';
import { Section } from '../../ui/blocks.tsx';
import type { SettingsGroup } from './settings-groups.ts';
import styles from './compare.module.css';

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Position of a label: `y` is its vertical middle, `anchor` the part of it at `x`. */
interface DotLabel extends Point {
  readonly anchor: 'start' | 'middle' | 'end';
}

/** Distance from the middle of a dot to a label beside it, and to the middle of one above or below. */
const BESIDE = 11;
const ABOVE = 17;
/** Half the height of a label. */
const HALF = 8;
const RADIUS = 6;

/**
 * Places labels beside, above or below their dots, where they cover the fewest dots and labels and stay in the frame.
 *
 * @param dots all dots drawn.
 * @param named the dots that have labels, with the width of each label.
 */
export function dotLabels(
  dots: readonly Point[],
  named: readonly { readonly dot: number; readonly width: number }[],
  frame: Box,
): DotLabel[] {
  const taken = dots.map(({ x, y }): Box => ({
    left: x - RADIUS,
    right: x + RADIUS,
    top: y - RADIUS,
    bottom: y + RADIUS,
  }));
  return named.map(({ dot, width }) => {
    const places = placesAround(dots[dot]).map((label) => ({ label, box: boxOf(label, width) }));
    const costs = places.map(
      ({ box }) => taken.filter((other) => overlap(box, other)).length + (isInside(box, frame) ? 0 : taken.length + 1),
    );
    const { label, box } = places[costs.indexOf(Math.min(...costs))];
    taken.push(box);
    return label;
  });
}

const ANCHORS = ['middle', 'start', 'end'] as const;

const placesAround = ({ x, y }: Point): DotLabel[] => [
  { x: x + BESIDE, y, anchor: 'start' },
  { x: x - BESIDE, y, anchor: 'end' },
  ...[y - ABOVE, y + ABOVE].flatMap((height) => ANCHORS.map((anchor) => ({ x, y: height, anchor }))),
];

function boxOf({ x, y, anchor }: DotLabel, width: number): Box {
  const left = anchor === 'start' ? x : anchor === 'end' ? x - width : x - width / 2;
  return { left, right: left + width, top: y - HALF, bottom: y + HALF };
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

const isInside = (box: Box, frame: Box): boolean =>
  box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;

/** A run: `x` is its just-learned accuracy, `y` its backward transfer. */
interface Dot extends Point {
  name: string;
  /** Colour of its method. */
  color: string;
  /** Name of its group, on the group's first dot only. */
  label: string | null;
}

const LEAST_SPAN = 0.1;

/** Values with a span of at least ten points, so that a difference within chance does not fill the plane. */
export function withSpan(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const lacking = LEAST_SPAN - (high - low);
  return lacking > 0 && values.length > 0 ? [...values, low - lacking / 2, high + lacking / 2] : [...values];
}

/** Plots BWT against just-learned accuracy, with the Pareto front. */
export function Plane({ groups }: { groups: readonly SettingsGroup[] }) {
  const score = usePageState(({ view }) => view.score);
  const left: string[] = [];
  const dots = groups.flatMap(({ name: label, settings, runs }) =>
    runs.flatMap(({ name, results }, i): Dot[] => {
      const { measures, isLoss } = measuresIn(results, score);
      const { justLearned: x, backwardTransfer: y } = measures;
      if (isLoss || x === null || y === null) {
        left.push(name);
        return [];
      }
      const color = methodColor(settings.method.name);
      return [{ name, color, x, y, label: i === 0 ? label : null }];
    }),
  );
  const front = paretoFront(dots, (dot) => dot);
  const isBest = (dot: Dot): boolean => isOnFront(dot, front);
  return (
    <Section
      title="Learning and forgetting"
      testId="plane"
      note="Each dot is a run: further right it learned its tasks better, further up it forgot less. The line joins the runs that no other beats on both."
    >
      <Figure
        chart={chartOf(dots, front, isBest)}
        height={300}
        table={{
          caption: 'Just learned, and change since then (BWT), of the compared runs',
          columns: ['Run', 'Just learned %', 'Change since learned (BWT)', 'On the front'],
          rows: () => dots.map((dot) => [dot.name, percent(dot.x), points(dot.y), isBest(dot) ? 'yes' : 'no']),
          file: 'compare-plane',
          numbers: () => ({
            columns: ['run', 'just learned', 'backward transfer', 'on the front'],
            rows: dots.map((dot) => [dot.name, dot.x, dot.y, isBest(dot) ? 1 : 0]),
          }),
        }}
      />
      {left.length > 0 && (
        <p className="about">Not shown because a measure is missing or is a loss: {left.join('; ')}.</p>
      )}
    </Section>
  );
}

function chartOf(dots: readonly Dot[], front: readonly Dot[], isBest: (dot: Dot) => boolean): Chart {
  const x = axisOver(withSpan(dots.map((dot) => dot.x)), false, 0.12);
  const y = axisOver(withSpan([0, ...dots.map((dot) => dot.y)]), false, 0.12);
  return {
    label: 'Backward transfer against just learned, one dot per run; the table below has the numbers.',
    lines: [{ name: 'front', color: 'var(--muted)', dash: 1, points: front }],
    x,
    y,
    xName: 'just learned, %',
    yName: 'change since learned (BWT), points',
    formatX: percent,
    formatY: points,
    legend: 'none',
    over: (toPlace) => {
      const at = (point: Point): Point => {
        const [left, top] = toPlace(point.x, point.y) ?? [0, 0];
        return { x: left, y: top };
      };
      const places = dots.map(at);
      const named = dots.flatMap(({ label }, dot) =>
        label === null ? [] : [{ label, dot, width: label.length * LETTER }],
      );
      const [low, high] = [at({ x: x.from, y: y.from }), at({ x: x.to, y: y.to })];
      const labels = dotLabels(places, named, { left: low.x, right: high.x, top: high.y, bottom: low.y });
      return [
        ...dots.map((dot, i) =>
          svgNode(
            'circle',
            {
              cx: places[i].x,
              cy: places[i].y,
              r: isBest(dot) ? 5.5 : 4.5,
              strokeWidth: 1.5,
              fill: dot.color,
              stroke: dot.color,
              fillOpacity: isBest(dot) ? 1 : 0.55,
            },
            svgNode('title', {}, `${dot.name}: just learned ${percent(dot.x)} %, BWT ${points(dot.y)}`),
          ),
        ),
        ...named.map(({ label, dot }, i) => {
          const { x: left, y: top, anchor } = labels[i];
          const paint = { className: styles.label, fill: dots[dot].color };
          return svgNode('text', { ...paint, x: left, y: top, dy: '0.32em', textAnchor: anchor }, label);
        }),
      ];
    },
  };
}
