import { useState } from 'react';
import { linePath } from '../../../charts/axis.ts';
import { type SvgNode, svgNode, type ToPlace } from '../../../charts/chart.ts';
import type { TensorSpace } from '../../../run/results/results.ts';
import { type ChartTable, Figure } from '../../charts/Figure.tsx';
import { percent } from '../../ui/format.ts';
import { Section } from '../../ui/blocks.tsx';
import { Segmented } from '../../ui/controls.tsx';
import { shortName, spectrumPoints } from './ranks.ts';
import styles from './ranks.module.css';

interface SpectrumProps {
  space: TensorSpace;
  /** Whether directions are suppressed by weights, without a threshold. */
  isSoft: boolean;
  round: number;
  task: string;
}

/** Room for at least this many bars, so that a few are not drawn too wide. */
const LEAST_PLACES = 12;
const TICKS = { linear: [0, 0.25, 0.5, 0.75, 1], log: [1e-4, 1e-3, 1e-2, 0.1, 1] };
type Axis = keyof typeof TICKS;
const AXES: readonly { value: Axis; label: string }[] = [
  { value: 'log', label: 'Log' },
  { value: 'linear', label: 'Linear' },
];
/** Shares below this one have no bar on the logarithmic axis. */
const LEAST = TICKS.log[0];

interface BarsProps {
  label: string;
  xName: string;
  axis: Axis;
  height: number;
  /** Number of directions. */
  count: number;
  /** Draws the bars and what belongs to them. */
  draw: (bars: Bars) => SvgNode[];
  table: ChartTable;
}

interface Bars {
  /** A bar of a share at a direction, counted from 1, as wide as a part of its place. */
  readonly bar: (direction: number, share: number, className: string, part?: number) => SvgNode;
  /** The place of a share at a direction; a share below the axis lies on it. */
  readonly place: (direction: number, share: number) => readonly [number, number];
}

/** Shares of directions, a bar each, in percent. */
function BarChart({ label, xName, axis, height, count, draw, table }: BarsProps) {
  const isLog = axis === 'log';
  const y = { from: TICKS[axis][0], to: 1, isLog };
  const x = { from: 0, to: Math.max(count, LEAST_PLACES) + 0.5, isLog: false };
  const barsOf = (toPlace: ToPlace): Bars => {
    const place: Bars['place'] = (direction, share) =>
      toPlace(direction, isLog ? Math.max(share, LEAST) : share) ?? [0, 0];
    const step = place(1, 1)[0] - place(0, 1)[0];
    return {
      place,
      bar: (direction, share, className, part = 0.7) => {
        const [[middle, top], [, base]] = [place(direction, share), place(direction, y.from)];
        const width = Math.max(1, step * part);
        return svgNode('rect', { className, x: middle - width / 2, width, y: top, height: Math.max(0, base - top) });
      },
    };
  };
  const chart = {
    label,
    lines: [],
    x,
    y,
    xName,
    yName: '',
    margin: { top: 12, left: 34 },
    xTicks: Array.from({ length: count }, (_, i) => i + 1),
    yTicks: TICKS[axis],
    formatX: String,
    formatY: (share: number) => String(Number((share * 100).toPrecision(3))),
    over: (toPlace: ToPlace) => draw(barsOf(toPlace)),
  };
  return <Figure chart={chart} height={height} table={table} />;
}

/** Energy of the directions of one tensor after a round: a bar each, a line for their sum, and the threshold. */
export function Spectrum({ space, isSoft, round, task }: SpectrumProps) {
  const points = spectrumPoints(space, isSoft);
  const count = points.length;
  // The first direction often holds nine tenths: on a linear axis the others would be invisible.
  const [axis, setAxis] = useState<Axis>('log');
  const first = points[0]?.energy ?? 0;
  const held = space.heldBefore;
  const heldAfter = isSoft ? space.threshold : (points[space.added - 1]?.cumulative ?? held);
  return (
    <Section
      title="Energy spectrum"
      tools={<Segmented label="Axis" options={AXES} value={axis} onChange={setAxis} />}
      testId="spectrum"
      note={
        <>
          <code>{shortName(space.name)}</code> after task {round}, {task}:{' '}
          {isSoft
            ? `${space.added} more directions, each counted by how much it is suppressed, ${space.total} in all.`
            : `${space.added} of ${count} directions added.`}{' '}
          Energy held: {percent(heldAfter)} % (before: {percent(held)} %).
          {!isSoft && space.total >= space.dimension && ' The space is full.'}
          {first >= 0.5 && ` The first direction alone has ${percent(first)} %.`}
        </>
      }
    >
      <ul className="keys">
        <li style={{ '--series': 'var(--line-strong)' }}>held before</li>
        {!isSoft && <li style={{ '--series': 'var(--accent)' }}>added</li>}
        <li style={{ '--series': 'color-mix(in oklab, var(--accent) 30%, var(--page))' }}>
          {isSoft ? 'outside before' : 'left out'}
        </li>
        <li style={{ '--series': 'var(--text)' }}>sum</li>
      </ul>
      <BarChart
        label="Energy spectrum; the table below has the numbers."
        xName="direction; bars: energy in percent"
        axis={axis}
        height={230}
        count={count}
        draw={({ bar, place }) => {
          const [[left], [right, threshold]] = [
            place(0, 1),
            place(Math.max(count, LEAST_PLACES) + 0.5, space.threshold),
          ];
          const words = `${isSoft ? 'held now' : 'threshold'} ${percent(space.threshold)}`;
          const sum = [place(0, held), ...points.map((one) => place(one.index, Math.min(1, one.cumulative)))];
          return [
            bar(0.2, held, styles.held, 0.35),
            ...points.map(({ index, energy, added }) => bar(index, energy, added ? styles.added : styles.left)),
            svgNode('path', { className: styles.sum, d: linePath(sum) }),
            svgNode('line', { className: styles.threshold, x1: left, x2: right, y1: threshold, y2: threshold }),
            svgNode('text', { className: styles.thresholdName, x: right, y: threshold + 14, textAnchor: 'end' }, words),
          ];
        }}
        table={{
          caption: 'Energy spectrum, percent',
          columns: ['Direction', 'Energy', 'Sum', ...(isSoft ? [] : ['Added'])],
          rows: () =>
            points.map(({ index, energy, cumulative, added }) => [
              String(index),
              percent(energy),
              percent(cumulative),
              ...(isSoft ? [] : [added ? 'yes' : 'no']),
            ]),
          file: 'spectrum',
          numbers: () => ({
            columns: ['layer', 'task', 'direction', 'energy', 'sum', ...(isSoft ? [] : ['added'])],
            rows: points.map(({ index, energy, cumulative, added }) => [
              space.name,
              task,
              index,
              energy,
              cumulative,
              ...(isSoft ? [] : [added ? 1 : 0]),
            ]),
          }),
        }}
      />
    </Section>
  );
}

/** A direction is almost closed to later tasks if at least this share of it is suppressed. */
const CLOSED = 0.99;

/**
 * Says how much later tasks can still change of a task's main directions.
 *
 * @param shares how much of each is suppressed, at least one.
 */
export function suppressedText(task: string, shares: readonly number[]): string {
  const { length: count } = shares;
  const closed = shares.filter((share) => share >= CLOSED).length;
  const least = Math.min(...shares);
  const directions = count === 1 ? 'The main direction' : `The ${count} main directions`;
  if (closed === count)
    return `${directions} of ${task} ${count === 1 ? 'is' : 'are'} almost closed to later tasks: ${percent(least)} % or more is suppressed.`;
  if (count === 1)
    return `${directions} of ${task} is suppressed by ${percent(least)} %; later tasks can use the rest.`;
  if (closed === 0)
    return `${directions} of ${task} are open to later tasks in part: at least ${percent(least)} % of each is suppressed.`;
  const rest =
    count - closed === 1
      ? `Of the other one, ${percent(least)} % is.`
      : `Of each of the others, at least ${percent(least)} % is.`;
  return `Of the ${count} main directions of ${task}, ${closed} ${closed === 1 ? 'is' : 'are'} almost closed to later tasks: 99 % or more is suppressed. ${rest}`;
}

interface SuppressedProps {
  /** Hugging Face name of the tensor. */
  name: string;
  task: string;
  /** How much of each of the task's main directions is suppressed, by their energy. */
  shares: readonly number[];
}

/** How much of each main direction of a task is left to later tasks: a bar each, on a logarithmic axis. */
export function Suppressed({ name, task, shares }: SuppressedProps) {
  return (
    <Section level={3} title="What is suppressed" testId="suppressed" note={suppressedText(task, shares)}>
      <BarChart
        label="What is left of each main direction; the table below has the numbers."
        xName="main direction; bars: percent left to later tasks"
        axis="log"
        height={130}
        count={shares.length}
        draw={({ bar }) => shares.map((share, i) => bar(i + 1, 1 - share, styles.added))}
        table={{
          caption: 'Suppressed, percent',
          columns: ['Direction', 'Suppressed', 'Left'],
          rows: () => shares.map((share, i) => [String(i + 1), percent(share), (100 * (1 - share)).toFixed(2)]),
          file: 'suppressed',
          numbers: () => ({
            columns: ['layer', 'task', 'direction', 'suppressed'],
            rows: shares.map((share, i) => [name, task, i + 1, share]),
          }),
        }}
      />
    </Section>
  );
}
