import { useRef } from 'react';
import { namedRounds, roundOf } from '../../../run/settings/schedule.ts';
import { testedTasks } from '../../../run/settings/settings.ts';
import { seriesColor, seriesDash } from '../../charts/colors.ts';
import { drawingIn } from '../../charts/save.tsx';
import { linearScale, linePath, spreadLabels } from '../../../charts/axis.ts';
import { significant } from '../../ui/format.ts';
import { usePageState } from '../../state/page-context.tsx';
import { DataTable } from '../../charts/DataTable.tsx';
import { useWidth } from '../../ui/hooks.ts';
import { matrixOf, scoreIn, scoreText } from '../../state/scores.ts';
import styles from './run.module.css';

const HEIGHT = 248;
const PLOT = { top: 10, right: 74, bottom: 26, left: 34 };
/** Room for losses with their perplexities. */
const LOSS_LEFT = 76;
const TICKS = [0, 0.25, 0.5, 0.75, 1];
const LABEL_GAP = 14;

/** One line: a task over the rounds. */
interface Line {
  name: string;
  task: number;
  /** One for each round; null if not tested. */
  values: (number | null)[];
  /** The round in which it was learned, as an index; 0 of a watched task. */
  learned: number;
  isWatched: boolean;
  at: number;
  end: number | null;
}

/** Accuracy over the rounds: one line per task, labelled at its end. Losses have a chart of their own. */
export function AccuracyChart() {
  const settings = usePageState(({ run, draft }) => run.settings ?? draft);
  const results = usePageState(({ run }) => run.results);
  const view = usePageState((state) => state.view.score);
  const matrix = matrixOf(results, view);
  const rounds = [{ round: 0, name: 'before' }, ...namedRounds(settings)];
  const lines = testedTasks(settings).map((name, task): Line & { isLoss: boolean } => {
    const values = rounds.map(({ round }) => matrix[round]?.[task] ?? null);
    const isWatched = task >= settings.order.length;
    const learned = isWatched ? 0 : rounds.findIndex(({ round }) => round === roundOf(settings, task));
    const at = values.findLastIndex((value) => value !== null);
    const end = at < 0 ? null : (values[at] ?? null);
    return { name, task, values, learned, isWatched, at, end, isLoss: scoreIn(view, results?.tasks[task]) === 'loss' };
  });
  const losses = lines.filter(({ isLoss }) => isLoss);
  const shares = lines.filter(({ isLoss }) => !isLoss);
  return (
    <>
      {shares.length > 0 && <TaskLines lines={shares} rounds={rounds} isLoss={false} />}
      {losses.length > 0 && <TaskLines lines={losses} rounds={rounds} isLoss />}
    </>
  );
}

interface TaskLinesProps {
  lines: readonly Line[];
  rounds: readonly { round: number; name: string }[];
  /** Whether they are losses per token, rather than shares. */
  isLoss: boolean;
}

/** A loss with its perplexity. */
const lossText = (value: number | null): string =>
  value === null ? scoreText('loss', value) : `${scoreText('loss', value)} (${significant(Math.exp(value))})`;

function TaskLines({ lines, rounds, isLoss }: TaskLinesProps) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const plot = { ...PLOT, left: isLoss ? LOSS_LEFT : PLOT.left };
  const last = rounds.length - 1;
  const x = linearScale(0, last, plot.left, width - plot.right);
  const top = isLoss ? Math.max(1, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0))) : 1;
  const y = linearScale(0, top, HEIGHT - plot.bottom, plot.top);
  const ended = lines.filter(({ end }) => end !== null);
  const labels = spreadLabels(
    ended.map(({ end }) => y(end ?? 0)),
    LABEL_GAP,
    plot.top,
    HEIGHT - plot.bottom,
  );
  // Names of rounds are left out where they would overlap.
  const every = Math.max(1, Math.ceil((last * 58) / Math.max(width - plot.left - plot.right, 1)));
  return (
    <div className={styles.chart} data-testid={isLoss ? 'loss-lines' : 'share-lines'}>
      {isLoss && <p className="about">Loss per token, with the perplexity, exp(loss), in brackets</p>}
      <div ref={frame} className={styles.plot}>
        {width > 0 && (
          <svg
            width={width}
            height={HEIGHT}
            role="img"
            aria-label={`${isLoss ? 'Loss per token' : 'Accuracy'} of each task over the run; the table below has the numbers.`}
          >
            {TICKS.map((tick) => (
              <g key={tick}>
                <line
                  className={styles.grid}
                  x1={plot.left}
                  x2={width - plot.right}
                  y1={y(tick * top)}
                  y2={y(tick * top)}
                />
                <text className={styles.tick} x={plot.left - 8} y={y(tick * top)} dy="0.32em" textAnchor="end">
                  {isLoss ? `${(tick * top).toFixed(1)} (${significant(Math.exp(tick * top))})` : tick * 100}
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
              <g key={name} style={{ '--series': seriesColor(task) }}>
                <path
                  d={linePath(
                    values.slice(0, learned + 1).map((value, i) => (value === null ? null : [x(i), y(value)])),
                  )}
                  className={styles.before}
                />
                <path
                  // Joins tests on both sides of rounds without one.
                  d={linePath(values.flatMap((value, i) => (value === null || i < learned ? [] : [[x(i), y(value)]])))}
                  className={isWatched ? styles.watched : styles.curve}
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
                <g key={name} style={{ '--series': seriesColor(task) }}>
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
      <DataTable
        caption={
          isLoss
            ? 'Loss per token (perplexity) of each task over the run'
            : 'Accuracy of each task over the run, percent'
        }
        columns={['Task', ...rounds.map(({ round, name }) => (round === 0 ? name : `after ${name}`))]}
        rows={() =>
          lines.map(({ name, values, isWatched }) => [
            isWatched ? `${name} (watched)` : name,
            ...values.map((value) => (isLoss ? lossText(value) : scoreText('exact', value))),
          ])
        }
        save={{
          file: isLoss ? 'losses' : 'accuracy',
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
