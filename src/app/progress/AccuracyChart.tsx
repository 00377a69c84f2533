import { useRef } from 'react';
import { seriesColor, seriesDash } from '../charts/colors.ts';
import { linearScale, linePath, spreadLabels } from '../charts/layout.ts';
import { percent } from '../format.ts';
import { usePageState } from '../page-context.tsx';
import { DataTable } from '../ui/DataTable.tsx';
import { useWidth } from '../ui/use-width.ts';
import styles from './AccuracyChart.module.css';

const HEIGHT = 248;
const PLOT = { top: 10, right: 74, bottom: 26, left: 34 };
const TICKS = [0, 0.25, 0.5, 0.75, 1];
const LABEL_GAP = 14;

/** Accuracy of each task over the rounds: a line a task, named at its end. */
export function AccuracyChart() {
  const order = usePageState(({ run, draft }) => run.settings?.order ?? draft.order);
  const matrix = usePageState(({ run, view }) => run[view.score]);
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const rounds = order.length;
  const x = linearScale(0, rounds, PLOT.left, width - PLOT.right);
  const y = linearScale(0, 1, HEIGHT - PLOT.bottom, PLOT.top);
  const lines = order.map((name, task) => {
    const values = Array.from({ length: rounds + 1 }, (_, round) => matrix[round]?.[task] ?? null);
    const last = values.findLastIndex((value) => value !== null);
    return { name, task, values, last, end: last < 0 ? null : (values[last] ?? null) };
  });
  const ended = lines.filter(({ end }) => end !== null);
  const labels = spreadLabels(
    ended.map(({ end }) => y(end ?? 0)),
    LABEL_GAP,
    PLOT.top,
    HEIGHT - PLOT.bottom,
  );
  // Names of rounds are left out where they would run into each other.
  const every = Math.max(1, Math.ceil((rounds * 58) / Math.max(width - PLOT.left - PLOT.right, 1)));
  return (
    <div>
      <div ref={frame} className={styles.frame}>
        {width > 0 && (
          <svg
            width={width}
            height={HEIGHT}
            role="img"
            aria-label="Accuracy of each task over the rounds; the table below has the numbers."
          >
            {TICKS.map((tick) => (
              <g key={tick}>
                <line className={styles.grid} x1={PLOT.left} x2={width - PLOT.right} y1={y(tick)} y2={y(tick)} />
                <text className={styles.tick} x={PLOT.left - 8} y={y(tick)} dy="0.32em" textAnchor="end">
                  {tick * 100}
                </text>
              </g>
            ))}
            {Array.from({ length: rounds + 1 }, (_, round) => (
              <text
                key={round}
                className={styles.tick}
                x={x(round)}
                y={HEIGHT - 8}
                textAnchor={round === 0 ? 'start' : 'middle'}
                visibility={round % every === 0 ? 'visible' : 'hidden'}
              >
                {round === 0 ? 'before' : order[round - 1]}
              </text>
            ))}
            {lines.map(({ name, task, values }) => (
              <g key={name} className={styles.series} style={{ '--series': seriesColor(task) }}>
                <path
                  d={linePath(
                    values.slice(0, task + 2).map((value, round) => (value === null ? null : [x(round), y(value)])),
                  )}
                  className={styles.before}
                />
                <path
                  d={linePath(
                    values.map((value, round) => (value === null || round <= task ? null : [x(round), y(value)])),
                  )}
                  className={styles.line}
                  strokeDasharray={seriesDash(task)}
                />
                {values.map((value, round) =>
                  value === null || round === 0 ? null : (
                    <circle
                      key={round}
                      className={round === task + 1 ? styles.own : styles.dot}
                      cx={x(round)}
                      cy={y(value)}
                      r={round === task + 1 ? 4.5 : round > task ? 2.5 : 0}
                    />
                  ),
                )}
              </g>
            ))}
            {ended.map(({ name, task, last, end }, i) => {
              const labelY = labels[i] ?? 0;
              return (
                <g key={name} className={styles.series} style={{ '--series': seriesColor(task) }}>
                  <path
                    className={styles.leader}
                    d={linePath([
                      [x(last) + 5, y(end ?? 0)],
                      [x(last) + 12, labelY],
                    ])}
                  />
                  <text className={styles.label} x={x(last) + 15} y={labelY} dy="0.32em">
                    {name}
                  </text>
                </g>
              );
            })}
          </svg>
        )}
      </div>
      <DataTable
        caption="Accuracy of each task over the rounds, percent"
        columns={['Task', 'before', ...order.map((name) => `after ${name}`)]}
        rows={() => lines.map(({ name, values }) => [name, ...values.map(percent)])}
      />
    </div>
  );
}
