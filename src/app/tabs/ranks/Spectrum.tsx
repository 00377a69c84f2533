import { useRef, useState } from 'react';
import type { TensorSpace } from '../../../run/results/results.ts';
import { linearScale, linePath } from '../../../charts/axis.ts';
import { drawingIn } from '../../charts/save.tsx';
import { percent } from '../../ui/format.ts';
import { DataTable } from '../../charts/DataTable.tsx';
import { Section } from '../../ui/Section.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import { useWidth } from '../../ui/hooks.ts';
import { shortName, spectrumPoints } from './ranks.ts';
import styles from './Spectrum.module.css';

interface Props {
  space: TensorSpace;
  /** Whether directions are suppressed by weights, without a threshold. */
  isSoft: boolean;
  round: number;
  task: string;
}

const HEIGHT = 230;
const PLOT = { top: 12, right: 12, bottom: 34, left: 34 };
/** Room for at least this many bars, so that a few are not drawn too wide. */
const LEAST_PLACES = 12;
const TICKS = { linear: [0, 0.25, 0.5, 0.75, 1], log: [1e-4, 1e-3, 1e-2, 0.1, 1] };
type Axis = keyof typeof TICKS;
const AXES: readonly { value: Axis; label: string }[] = [
  { value: 'log', label: 'Log' },
  { value: 'linear', label: 'Linear' },
];
/** Energies below this share have no bar on the logarithmic axis. */
const LEAST = TICKS.log[0];

/** Energy of the directions of one tensor after a round: a bar each, a line for their sum, and the threshold. */
export function Spectrum({ space, isSoft, round, task }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const points = spectrumPoints(space, isSoft);
  const count = points.length;
  const x = linearScale(0, Math.max(count, LEAST_PLACES), PLOT.left + 14, width - PLOT.right);
  // The first direction often holds nine tenths: on a linear axis the others would be invisible.
  const [axis, setAxis] = useState<Axis>('log');
  const logs = linearScale(Math.log10(LEAST), 0, HEIGHT - PLOT.bottom, PLOT.top);
  const shares = linearScale(0, 1, HEIGHT - PLOT.bottom, PLOT.top);
  const y = (share: number): number => (axis === 'log' ? logs(Math.log10(Math.max(share, LEAST))) : shares(share));
  const first = points[0]?.energy ?? 0;
  const bar = Math.max(1, (x(1) - x(0)) * 0.7);
  const every = Math.max(1, Math.ceil((count * 24) / Math.max(width - PLOT.left - PLOT.right, 1)));
  const held = space.heldBefore;
  const heldAfter = isSoft ? space.threshold : (points[space.added - 1]?.cumulative ?? held);
  return (
    <Section
      title="Energy spectrum"
      tools={<Segmented label="Axis" options={AXES} value={axis} onChange={setAxis} />}
      testId="spectrum"
      note={
        <>
          <code className={styles.name}>{shortName(space.name)}</code> after task {round}, {task}:{' '}
          {isSoft
            ? `${space.added} more directions, each counted by how much it is suppressed, ${space.total} in all.`
            : `${space.added} of ${count} directions added.`}{' '}
          Energy held: {percent(heldAfter)} % (before: {percent(held)} %).
          {!isSoft && space.total >= space.dimension && ' The space is full.'}
          {first >= 0.5 && ` The first direction alone has ${percent(first)} %.`}
        </>
      }
    >
      <div ref={frame} className={styles.frame}>
        {width > 0 && (
          <svg width={width} height={HEIGHT} role="img" aria-label="Energy spectrum; the table below has the numbers.">
            {TICKS[axis].map((tick) => (
              <g key={tick}>
                <line className={styles.grid} x1={PLOT.left} x2={width - PLOT.right} y1={y(tick)} y2={y(tick)} />
                <text className={styles.tick} x={PLOT.left - 8} y={y(tick)} dy="0.32em" textAnchor="end">
                  {Number((tick * 100).toPrecision(3))}
                </text>
              </g>
            ))}
            <rect
              className={styles.before}
              x={PLOT.left + 2}
              width={10}
              y={y(held)}
              height={Math.max(0, y(0) - y(held))}
            />
            {points.map(({ index, energy, added }) => (
              <rect
                key={index}
                className={added ? styles.added : styles.left}
                x={x(index - 0.5) - bar / 2}
                width={bar}
                y={y(energy)}
                height={Math.max(0, y(0) - y(energy))}
              />
            ))}
            <path
              className={styles.sum}
              d={linePath([
                [PLOT.left + 2, y(held)],
                ...points.map(({ index, cumulative }) => [x(index - 0.5), y(Math.min(1, cumulative))] as const),
              ])}
            />
            <line
              className={styles.threshold}
              x1={PLOT.left}
              x2={width - PLOT.right}
              y1={y(space.threshold)}
              y2={y(space.threshold)}
            />
            <text className={styles.thresholdName} x={width - PLOT.right} y={y(space.threshold) + 14} textAnchor="end">
              {isSoft ? 'held now' : 'threshold'} {percent(space.threshold)}
            </text>
            {points.map(({ index }) =>
              index === 1 || index % every === 0 ? (
                <text key={index} className={styles.tick} x={x(index - 0.5)} y={HEIGHT - 20} textAnchor="middle">
                  {index}
                </text>
              ) : null,
            )}
            <text className={styles.tick} x={(PLOT.left + width - PLOT.right) / 2} y={HEIGHT - 4} textAnchor="middle">
              direction; bars: energy in percent
            </text>
          </svg>
        )}
      </div>
      <ul className={styles.key}>
        <li className={styles.keyBefore}>held before</li>
        {!isSoft && <li className={styles.keyAdded}>added</li>}
        <li className={styles.keyLeft}>{isSoft ? 'outside before' : 'left out'}</li>
        <li className={styles.keySum}>sum</li>
      </ul>
      <DataTable
        caption="Energy spectrum, percent"
        columns={['Direction', 'Energy', 'Sum', ...(isSoft ? [] : ['Added'])]}
        rows={() =>
          points.map(({ index, energy, cumulative, added }) => [
            String(index),
            percent(energy),
            percent(cumulative),
            ...(isSoft ? [] : [added ? 'yes' : 'no']),
          ])
        }
        save={{
          file: 'spectrum',
          draw: (take) => drawingIn(frame.current, take),
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
