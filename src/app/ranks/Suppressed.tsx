import { useRef } from 'react';
import { linearScale } from '../charts/layout.ts';
import { drawingIn } from '../charts/SaveTools.tsx';
import { percent } from '../format.ts';
import { DataTable } from '../ui/DataTable.tsx';
import { Section } from '../ui/Section.tsx';
import { useWidth } from '../ui/use-width.ts';
import { suppressedText } from './suppressed-text.ts';
import styles from './Spectrum.module.css';

const HEIGHT = 130;
const PLOT = { top: 8, right: 12, bottom: 34, left: 34 };
const TICKS = [0, 0.5, 1];
/** Room for at least this many bars, so that a few are not drawn too wide. */
const LEAST_PLACES = 12;

interface Props {
  /** Hugging Face name of the tensor. */
  name: string;
  task: string;
  /** How much of each of the task's main directions is suppressed, by their energy. */
  shares: readonly number[];
}

/** How much of each main direction of a task is kept from later tasks: a bar each. */
export function Suppressed({ name, task, shares }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const x = linearScale(0, Math.max(shares.length, LEAST_PLACES), PLOT.left + 14, width - PLOT.right);
  const y = linearScale(0, 1, HEIGHT - PLOT.bottom, PLOT.top);
  const bar = Math.max(1, (x(1) - x(0)) * 0.7);
  return (
    <Section level={3} title="What is suppressed" testId="suppressed" note={suppressedText(task, shares)}>
      <div ref={frame} className={styles.low}>
        {width > 0 && (
          <svg
            width={width}
            height={HEIGHT}
            role="img"
            aria-label="Suppressed shares; the table below has the numbers."
          >
            {TICKS.map((tick) => (
              <g key={tick}>
                <line className={styles.grid} x1={PLOT.left} x2={width - PLOT.right} y1={y(tick)} y2={y(tick)} />
                <text className={styles.tick} x={PLOT.left - 8} y={y(tick)} dy="0.32em" textAnchor="end">
                  {100 * tick}
                </text>
              </g>
            ))}
            {shares.map((share, i) => (
              <g key={i}>
                <rect
                  className={styles.added}
                  x={x(i + 0.5) - bar / 2}
                  width={bar}
                  y={y(share)}
                  height={y(0) - y(share)}
                />
                <text className={styles.tick} x={x(i + 0.5)} y={HEIGHT - 20} textAnchor="middle">
                  {i + 1}
                </text>
              </g>
            ))}
            <text className={styles.tick} x={(PLOT.left + width - PLOT.right) / 2} y={HEIGHT - 4} textAnchor="middle">
              main direction, most energy first; bars: percent suppressed
            </text>
          </svg>
        )}
      </div>
      <DataTable
        caption="Suppressed, percent"
        columns={['Direction', 'Suppressed']}
        rows={() => shares.map((share, i) => [String(i + 1), percent(share)])}
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
