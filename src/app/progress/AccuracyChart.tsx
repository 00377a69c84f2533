import { useRef } from 'react';
import { namedRounds, roundOf } from '../../run/schedule.ts';
import { testedTasks } from '../../run/settings.ts';
import { seriesColor, seriesDash } from '../charts/colors.ts';
import { drawingIn } from '../charts/SaveTools.tsx';
import { linearScale, linePath, spreadLabels } from '../charts/layout.ts';
import { usePageState } from '../page-context.tsx';
import { DataTable } from '../ui/DataTable.tsx';
import { useWidth } from '../ui/use-width.ts';
import styles from './AccuracyChart.module.css';
import { matrixOf, scoreIn, scoreText } from './scores.ts';

const HEIGHT = 248;
const PLOT = { top: 10, right: 74, bottom: 26, left: 34 };
const TICKS = [0, 0.25, 0.5, 0.75, 1];
const LABEL_GAP = 14;

/** Accuracy over the rounds: one line per task, labelled at its end. */
export function AccuracyChart() {
  const settings = usePageState(({ run, draft }) => run.settings ?? draft);
  const results = usePageState(({ run }) => run.results);
  const view = usePageState((state) => state.view.score);
  const matrix = matrixOf(results, view);
  const names = testedTasks(settings);
  const scores = names.map((_, task) => scoreIn(view, results?.tasks[task]));
  // A loss cannot share an axis with a share: it is drawn as the probability of a token.
  const isLoss = scores.length > 0 && scores.every((score) => score === 'loss');
  const isMixed = !isLoss && scores.includes('loss');
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const rounds = [{ round: 0, name: 'before' }, ...namedRounds(settings)];
  const last = rounds.length - 1;
  const x = linearScale(0, last, PLOT.left, width - PLOT.right);
  const lines = names.map((name, task) => {
    const drawn = (value: number): number => (isMixed && scores[task] === 'loss' ? Math.exp(-value) : value);
    const values = rounds.map(({ round }) => {
      const value = matrix[round]?.[task] ?? null;
      return value === null ? null : drawn(value);
    });
    const isWatched = task >= settings.order.length;
    const learned = isWatched ? 0 : rounds.findIndex(({ round }) => round === roundOf(settings, task));
    const at = values.findLastIndex((value) => value !== null);
    return { name, task, values, learned, isWatched, at, end: at < 0 ? null : (values[at] ?? null) };
  });
  const top = isLoss ? Math.max(1, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0))) : 1;
  const y = linearScale(0, top, HEIGHT - PLOT.bottom, PLOT.top);
  const ended = lines.filter(({ end }) => end !== null);
  const labels = spreadLabels(
    ended.map(({ end }) => y(end ?? 0)),
    LABEL_GAP,
    PLOT.top,
    HEIGHT - PLOT.bottom,
  );
  // Names of rounds are left out where they would overlap.
  const every = Math.max(1, Math.ceil((last * 58) / Math.max(width - PLOT.left - PLOT.right, 1)));
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
                <line
                  className={styles.grid}
                  x1={PLOT.left}
                  x2={width - PLOT.right}
                  y1={y(tick * top)}
                  y2={y(tick * top)}
                />
                <text className={styles.tick} x={PLOT.left - 8} y={y(tick * top)} dy="0.32em" textAnchor="end">
                  {isLoss ? (tick * top).toFixed(1) : tick * 100}
                </text>
              </g>
            ))}
            {rounds.map(({ round, name }, i) => (
              <text
                key={round}
                className={styles.tick}
                x={x(i)}
                y={HEIGHT - 8}
                textAnchor={i === 0 ? 'start' : 'middle'}
                visibility={i % every === 0 ? 'visible' : 'hidden'}
              >
                {name}
              </text>
            ))}
            {lines.map(({ name, task, values, learned, isWatched }) => (
              <g key={name} className={styles.series} style={{ '--series': seriesColor(task) }}>
                <path
                  d={linePath(
                    values.slice(0, learned + 1).map((value, i) => (value === null ? null : [x(i), y(value)])),
                  )}
                  className={styles.before}
                />
                <path
                  d={linePath(values.map((value, i) => (value === null || i < learned ? null : [x(i), y(value)])))}
                  className={isWatched ? styles.watched : styles.line}
                  strokeDasharray={isWatched ? undefined : seriesDash(task)}
                />
                {values.map((value, i) =>
                  value === null || (i === 0 && !isWatched) ? null : (
                    <circle
                      key={i}
                      className={i === learned && !isWatched ? styles.own : styles.dot}
                      cx={x(i)}
                      cy={y(value)}
                      r={i === learned && !isWatched ? 4.5 : i >= learned ? 2.5 : 0}
                    />
                  ),
                )}
              </g>
            ))}
            {ended.map(({ name, task, at, end }, i) => {
              const labelY = labels[i] ?? 0;
              return (
                <g key={name} className={styles.series} style={{ '--series': seriesColor(task) }}>
                  <path
                    className={styles.leader}
                    d={linePath([
                      [x(at) + 5, y(end ?? 0)],
                      [x(at) + 12, labelY],
                    ])}
                  />
                  <text className={styles.label} x={x(at) + 15} y={labelY} dy="0.32em">
                    {name}
                  </text>
                </g>
              );
            })}
          </svg>
        )}
      </div>
      {isMixed && <p className={styles.note}>Losses are drawn as the probability of a token: exp(−loss).</p>}
      <DataTable
        caption={
          isLoss ? 'Loss per token of each task over the rounds' : 'Accuracy of each task over the rounds, percent'
        }
        columns={['Task', ...rounds.map(({ round, name }) => (round === 0 ? name : `after ${name}`))]}
        rows={() =>
          lines.map(({ name, values, isWatched }) => [
            isWatched ? `${name} (watched)` : name,
            ...values.map((value) => scoreText(isLoss ? 'loss' : 'exact', value)),
          ])
        }
        save={{
          file: 'accuracy',
          draw: (take) => drawingIn(frame.current, take),
          numbers: () => ({
            columns: ['task', ...rounds.map(({ round, name }) => (round === 0 ? name : `after ${name}`))],
            rows: lines.map(({ name, values }) => [name, ...values]),
          }),
        }}
      />
    </div>
  );
}
