import { type KeyboardEvent, useRef, useState } from 'react';
import { wilsonInterval } from '../../../base/proportions.ts';
import { type ChartLine, endsRoom, MARGIN } from '../../../charts/chart.ts';
import { generalTextChange, generalTextStates } from '../../../run/results/known-before.ts';
import type { Results } from '../../../run/results/results.ts';
import { namedRounds, roundName, roundOf } from '../../../run/settings/schedule.ts';
import type { Score } from '../../../tasks/forms.ts';
import { type RunSettings, testedTasks } from '../../../run/settings/settings.ts';
import { Figure, roundsChart, seriesColor, seriesDash } from '../../charts/Figure.tsx';
import { HeatFigure, SaveTools } from '../../charts/save.tsx';
import { usePageState } from '../../state/page-context.tsx';
import {
  changeSinceLearned,
  changeText,
  matrixOf,
  SCORE_NAMES,
  scoreIn,
  scoreText,
  type ScoreView,
} from '../../state/scores.ts';
import { percent, significant, whole } from '../../ui/format.ts';
import { gridStep } from '../../ui/hooks.ts';
import styles from './run.module.css';

type Cell = readonly [round: number, task: number];

/** The cell of the tab stop: the one that had the focus last, or if another run has no such cell, one before it. */
export function cellWithin(rows: readonly { round: number }[], columns: number, [round, task]: Cell): Cell {
  return [rows.findLast((row) => row.round <= round)?.round ?? 0, Math.min(task, Math.max(0, columns - 1))];
}

/** R as a table drawn as a heat map: rows are tests after each task, columns are tasks. One tab stop; arrow keys move within it. */
export function AccuracyMatrix() {
  const settings = usePageState(({ run, draft }) => run.settings ?? draft);
  const results = usePageState(({ run }) => run.results);
  const view = usePageState((state) => state.view.score);
  const heat = usePageState(({ view }) => view.heat);
  const grid = gridOf(settings, results, view);
  const { columns, rows, matrix, isText, scoreAt, isMixed, scoreName, hasText } = grid;
  const isWatched = (task: number): boolean => task >= settings.order.length;
  const tasks = results?.tasks;
  const [lastFocused, setFocused] = useState<Cell>([0, 0]);
  const focused = cellWithin(rows, columns.length, lastFocused);
  const [shown, setShown] = useState<Cell | null>(null);
  const table = useRef<HTMLTableElement>(null);

  const passages = results?.probes?.generalText?.tokens.length;

  const onKeyDown = (event: KeyboardEvent): void => {
    const row = rows.findIndex(({ round }) => round === focused[0]);
    const next = gridStep(event.key, [row, focused[1]], rows.length, columns.length);
    if (next === null) return;
    event.preventDefault();
    const cell: Cell = [rows[next[0]]?.round ?? 0, next[1]];
    setFocused(cell);
    table.current?.querySelector<HTMLElement>(`[data-testid="cell-${cell[0]}-${cell[1]}"]`)?.focus();
  };

  const describe = ([round, task]: Cell): string => {
    const value = matrix[round]?.[task] ?? null;
    const name = columns[task] ?? '';
    const when = round === 0 ? 'before training' : `after ${roundName(settings, round)}`;
    const count = tasks?.[task]?.testExamples;
    if (value === null) {
      const why = count === 0 ? ', since its tests are not with the model' : '';
      return `${name} ${when}: not tested${why}.`;
    }
    if (isText(task)) return describeText(results ?? {}, round, when);
    const own = scoreAt(task);
    const parts = [
      own === 'loss'
        ? `${name} ${when}: loss ${scoreText(own, value)} per token, perplexity ${significant(Math.exp(value))}`
        : `${name} ${when}: ${percent(value)} % ${own === 'rougeL' ? 'ROUGE-L' : own}`,
    ];
    if (count !== undefined && (own === 'exact' || own === 'ranked')) {
      const [low, high] = wilsonInterval(value, count);
      parts[0] += ` (${whole(value * count)} of ${count}, 95 % interval ${percent(low)} to ${percent(high)})`;
    }
    const change = changeSinceLearned(matrix, round, task);
    if (isWatched(task)) {
      if (round > 0 && change !== null)
        parts.push(`${changeText(own, change)}${own === 'loss' ? '' : ' points'} since before training`);
      parts.push('only tested, never learned');
    } else if (round === roundOf(settings, task)) parts.push('just learned');
    else if (change !== null)
      parts.push(`${changeText(own, change)}${own === 'loss' ? '' : ' points'} since it was learned`);
    else if (round > 0 && round < roundOf(settings, task)) parts.push('not learned yet');
    return `${parts.join('; ')}.`;
  };

  return (
    <div>
      <div className={styles.scroll}>
        <table
          ref={table}
          role="grid"
          className={styles.matrix}
          style={{ '--columns': columns.length }}
          data-testid="r-matrix"
          data-heat={heat}
          data-many={columns.length > 6}
          onKeyDown={onKeyDown}
          onMouseLeave={() => setShown(null)}
        >
          <caption className="hidden-visually">
            Accuracy in percent, {scoreName}: rows are tests after each task, columns are tasks
            {hasText && ', then the loss on general text'}. Empty cells were not tested.
          </caption>
          <thead>
            <tr>
              <td />
              {columns.map((name, i) => (
                <th key={name} scope="col" title={name} data-watched={isWatched(i)}>
                  <span>{name}</span>
                  {isWatched(i) && !isText(i) && <small className={`muted ${styles.score}`}>only tested</small>}
                  {(isMixed || isText(i)) && (
                    <small className={`muted ${styles.score}`}>{SCORE_NAMES[scoreAt(i)]}</small>
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ round, name: learned }) => (
              <tr key={round}>
                <th scope="row">
                  <span className={`muted ${styles.number}`}>{round}</span> {learned}
                </th>
                {columns.map((name, task) => {
                  const value = matrix[round]?.[task] ?? null;
                  const tint = tintOf(heat, value, changeSinceLearned(matrix, round, task), scoreAt(task));
                  return (
                    <td
                      key={name}
                      role="gridcell"
                      data-testid={`cell-${round}-${task}`}
                      data-own={!isWatched(task) && round === roundOf(settings, task)}
                      data-watched={isWatched(task)}
                      data-kind={tint?.kind}
                      className="tinted"
                      style={tint === null ? undefined : { '--share': `${Math.round(tint.share * 100)}%` }}
                      tabIndex={focused[0] === round && focused[1] === task ? 0 : -1}
                      aria-label={describe([round, task])}
                      onFocus={() => {
                        setFocused([round, task]);
                        setShown([round, task]);
                      }}
                      onBlur={() => setShown(null)}
                      onMouseEnter={() => setShown([round, task])}
                    >
                      {value === null ? '' : scoreText(scoreAt(task), value)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className={styles.save}>
        <SaveTools
          file="matrix"
          title="Accuracy after each task"
          drawing={() => (
            <MatrixFigure title="Accuracy after each task" of={{ settings, results }} view={view} heat={heat} />
          )}
          numbers={() => ({
            columns: ['round', 'after', 'task', view === 'main' || view === 'exact' ? 'accuracy' : view, 'examples'],
            rows: rows.flatMap(({ round, name }) =>
              columns.map((task, i) => {
                const value = matrix[round]?.[i] ?? null;
                const examples = isText(i) ? passages : tasks?.[i]?.testExamples;
                return [round, name, task, value, value === null ? null : (examples ?? null)];
              }),
            ),
          })}
        />
      </div>
      <p className={`muted small ${styles.detail}`} aria-hidden="true">
        {shown === null ? 'Point at a cell for its count, interval and change.' : describe(shown)}
      </p>
    </div>
  );
}

/** R as the page shows it: rows are rounds, from before training on; columns are tasks, then the loss on general text. */
function gridOf(settings: RunSettings, results: Results | null, view: ScoreView) {
  const tested = testedTasks(settings);
  const texts = generalTextStates(results ?? {});
  const hasText = texts.length > 0;
  const isText = (column: number): boolean => column === tested.length;
  const scoreAt = (column: number): Score => (isText(column) ? 'loss' : scoreIn(view, results?.tasks[column]));
  const isMixed = tested.some((_, task) => scoreAt(task) !== scoreAt(0));
  const ownName = isMixed ? 'each task’s own score' : SCORE_NAMES[scoreAt(0)].toLowerCase();
  return {
    columns: [...tested, ...(hasText ? [GENERAL_TEXT] : [])],
    rows: [{ round: 0, name: 'before' }, ...namedRounds(settings)],
    matrix: matrixOf(results, view).map((row, round) => [
      ...row,
      ...(hasText ? [texts.find((state) => state.round === round)?.loss ?? null] : []),
    ]),
    isText,
    scoreAt,
    isMixed,
    hasText,
    scoreName: view === 'main' ? ownName : view,
  };
}

interface FigureProps {
  title: string;
  of: { readonly settings: RunSettings; readonly results: Results | null };
  view: ScoreView;
  heat: 'accuracy' | 'change';
}

/** R as a picture. */
export function MatrixFigure({ title, of: { settings, results }, view, heat }: FigureProps) {
  const { columns, rows, matrix, scoreAt, scoreName } = gridOf(settings, results, view);
  return (
    <HeatFigure
      title={`${title}, ${scoreName}, percent`}
      columns={columns}
      rows={rows.map(({ round, name }) => ({
        name: `${round} ${name}`,
        cells: columns.map((_, task) => {
          const value = matrix[round]?.[task] ?? null;
          const tint = tintOf(heat, value, changeSinceLearned(matrix, round, task), scoreAt(task));
          return value === null ? null : { text: scoreText(scoreAt(task), value), share: 0, ...tint };
        }),
      }))}
    />
  );
}

/** The column of general text. */
const GENERAL_TEXT = 'general text';

/** The loss on general text after a round, in words. */
function describeText(results: Pick<Results, 'probes'>, round: number, when: string): string {
  const state = generalTextStates(results).find((one) => one.round === round);
  if (state === undefined) return '';
  const { loss, bitsPerByte, divergence } = state;
  const change = generalTextChange(results, round);
  const parts = [
    `${GENERAL_TEXT} ${when}: loss ${scoreText('loss', loss)} per token, ${bitsPerByte.toFixed(2)} bits a byte`,
  ];
  if (change !== null && round > 0) {
    const { interval } = change;
    const range = interval?.map((end) => changeText('loss', end)).join(' to ');
    parts.push(
      `${changeText('loss', change.change)} since before training${range === undefined ? '' : `, 95 % interval ${range}`}`,
    );
    if (divergence !== null) parts.push(`KL ${significant(divergence)} per token`);
  }
  return `${parts.join('; ')}.`;
}

interface Tint {
  kind: 'level' | 'loss' | 'gain';
  /** Strength of the colour, 0..1. */
  share: number;
}

/** A change of at least this much gets the full colour. */
const FULL_CHANGE = 0.6;

/** A loss is drawn as the probability of a token, and its rise as a loss. */
function tintOf(heat: 'accuracy' | 'change', value: number | null, change: number | null, score: Score): Tint | null {
  const isLoss = score === 'loss';
  if (heat === 'accuracy') return value === null ? null : { kind: 'level', share: isLoss ? Math.exp(-value) : value };
  if (change === null) return null;
  return { kind: change < 0 !== isLoss ? 'loss' : 'gain', share: Math.min(1, Math.abs(change) / FULL_CHANGE) };
}

/** Room for losses with their perplexities. */
const LOSS_LEFT = 80;

/** One line: a task over the rounds. */
interface Line {
  name: string;
  task: number;
  /** One for each round; null if not tested. */
  values: (number | null)[];
  /** The round in which it was learned, as an index; 0 of a watched task. */
  learned: number;
  isWatched: boolean;
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
    return { name, task, values, learned, isWatched, isLoss: scoreIn(view, results?.tasks[task]) === 'loss' };
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
  const columns = ['task', ...rounds.map(({ round, name }) => (round === 0 ? name : `after ${name}`))];
  const chart = roundsChart({
    label: `${isLoss ? 'Loss per token' : 'Accuracy'} of each task over the run; the table below has the numbers.`,
    lines: lines.flatMap(drawnLines),
    x: { from: 0, to: rounds.length - 1, isLog: false },
    ...(!isLoss && { yTicks: [0, 0.25, 0.5, 0.75, 1] }),
    xTicks: rounds.map((_, i) => i),
    xName: '',
    yName: isLoss ? 'surprise: loss per token (perplexity)' : '%',
    formatX: (i) => rounds[i].name,
    ...(isLoss && { formatY: lossText }),
    legend: 'ends',
    margin: { left: isLoss ? LOSS_LEFT : MARGIN.left, right: endsRoom(lines.map(({ name }) => name)), bottom: 26 },
    isLoss,
  });
  return (
    <div data-testid={isLoss ? 'loss-lines' : 'share-lines'}>
      <Figure
        chart={chart}
        height={248}
        table={{
          caption: isLoss
            ? 'Surprise (loss per token, perplexity) of each task over the run'
            : 'Accuracy of each task over the run, percent',
          columns,
          rows: () =>
            lines.map(({ name, values, isWatched }) => [
              isWatched ? `${name} (watched)` : name,
              ...values.map((value) => (isLoss ? lossText(value) : scoreText('exact', value))),
            ]),
          file: isLoss ? 'losses' : 'accuracy',
          numbers: () => ({ columns, rows: lines.map(({ name, values }) => [name, ...values]) }),
        }}
      />
    </div>
  );
}

/** A task before it is learned, dotted; the round in which it is learned, in a ring; and from there on. */
function drawnLines({ name, task, values, learned, isWatched }: Line): ChartLine[] {
  const points = values.map((y, x) => ({ x, y }));
  const after = points.slice(learned).filter(({ y }) => y !== null); // joins tests on both sides of rounds without one
  const color = seriesColor(task);
  if (isWatched) return [{ name, color, dash: 1, width: 1.5, mark: { shape: 'circle', size: 2.5 }, points: after }];
  return [
    { name, color, dash: 2, width: 1, isNamed: false, points: points.slice(0, learned + 1) },
    { name, color, width: 0, isNamed: false, mark: { shape: 'ring', size: 4.5 }, points: after.slice(0, 1) },
    { name, color, width: 0, isNamed: false, mark: { shape: 'circle', size: 2.5 }, points: after.slice(1) },
    { name, color, dash: seriesDash(task), width: 2, points: after },
  ];
}
