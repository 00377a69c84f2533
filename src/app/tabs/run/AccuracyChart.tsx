import { namedRounds, roundOf } from '../../../run/settings/schedule.ts';
import { testedTasks } from '../../../run/settings/settings.ts';
import { type ChartLine, endsRoom, MARGIN } from '../../../charts/chart.ts';
import { Figure } from '../../charts/Figure.tsx';
import { roundsChart, seriesColor, seriesDash } from '../../charts/series.ts';
import { matrixOf, scoreIn, scoreText } from '../../state/scores.ts';
import { usePageState } from '../../state/page-context.tsx';
import { significant } from '../../ui/format.ts';

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
    yName: isLoss ? 'loss per token (perplexity)' : '%',
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
            ? 'Loss per token (perplexity) of each task over the run'
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
