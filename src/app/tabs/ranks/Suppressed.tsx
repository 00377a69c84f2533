import { useRef } from 'react';
import { linearScale } from '../../../charts/axis.ts';
import { DataTable } from '../../charts/DataTable.tsx';
import { drawingIn } from '../../charts/save.tsx';
import { percent } from '../../ui/format.ts';
import { useWidth } from '../../ui/hooks.ts';
import { Section } from '../../ui/Section.tsx';
import styles from './Spectrum.module.css';

/** A direction is almost closed to later tasks if at least this share of it is suppressed. */
const CLOSED = 0.99;

/**
 * What later tasks can still change of a task's main directions, in words.
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

const HEIGHT = 130;
const PLOT = { top: 8, right: 12, bottom: 34, left: 34 };
/** Shares that later tasks can still use; smaller ones have no bar. */
const TICKS = [1e-4, 1e-3, 1e-2, 0.1, 1];
const [LEAST] = TICKS;
/** Room for at least this many bars, so that a few are not drawn too wide. */
const LEAST_PLACES = 12;

interface Props {
  /** Hugging Face name of the tensor. */
  name: string;
  task: string;
  /** How much of each of the task's main directions is suppressed, by their energy. */
  shares: readonly number[];
}

/** How much of each main direction of a task is left to later tasks: a bar each, on a logarithmic axis. */
export function Suppressed({ name, task, shares }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const x = linearScale(0, Math.max(shares.length, LEAST_PLACES), PLOT.left + 14, width - PLOT.right);
  const logs = linearScale(Math.log10(LEAST), 0, HEIGHT - PLOT.bottom, PLOT.top);
  const y = (share: number): number => logs(Math.log10(Math.max(share, LEAST)));
  const bar = Math.max(1, (x(1) - x(0)) * 0.7);
  return (
    <Section level={3} title="What is suppressed" testId="suppressed" note={suppressedText(task, shares)}>
      <div ref={frame} className={styles.low}>
        {width > 0 && (
          <svg
            width={width}
            height={HEIGHT}
            role="img"
            aria-label="What is left of each main direction; the table below has the numbers."
          >
            {TICKS.map((tick) => (
              <g key={tick}>
                <line className={styles.grid} x1={PLOT.left} x2={width - PLOT.right} y1={y(tick)} y2={y(tick)} />
                <text className={styles.tick} x={PLOT.left - 8} y={y(tick)} dy="0.32em" textAnchor="end">
                  {Number((tick * 100).toPrecision(3))}
                </text>
              </g>
            ))}
            {shares.map((share, i) => (
              <g key={i}>
                <rect
                  className={styles.added}
                  x={x(i + 0.5) - bar / 2}
                  width={bar}
                  y={y(1 - share)}
                  height={y(LEAST) - y(1 - share)}
                />
                <text className={styles.tick} x={x(i + 0.5)} y={HEIGHT - 20} textAnchor="middle">
                  {i + 1}
                </text>
              </g>
            ))}
            <text className={styles.tick} x={(PLOT.left + width - PLOT.right) / 2} y={HEIGHT - 4} textAnchor="middle">
              main direction; bars: percent left to later tasks
            </text>
          </svg>
        )}
      </div>
      <DataTable
        caption="Suppressed, percent"
        columns={['Direction', 'Suppressed', 'Left']}
        rows={() => shares.map((share, i) => [String(i + 1), percent(share), (100 * (1 - share)).toFixed(2)])}
        save={{
          file: 'suppressed',
          draw: (take) => drawingIn(frame.current, take),
          numbers: () => ({
            columns: ['layer', 'task', 'direction', 'suppressed'],
            rows: shares.map((share, i) => [name, task, i + 1, share]),
          }),
        }}
      />
    </Section>
  );
}
