import * as v from 'valibot';
import { type MethodName, type MethodSettings, sameMethod, withValues } from '../../../methods/registry.ts';
import type { Results } from '../../../run/results/results.ts';
import { watchedSums } from '../../../run/results/known-before.ts';
import { type RunSettings, RunSettingsSchema } from '../../../run/settings/settings.ts';
import { DOT } from '../../../charts/chart.ts';
import { Figure, methodColor, roundsChart } from '../../charts/Figure.tsx';
import { Pictured } from '../../charts/save.tsx';
import { runKey, type RunSummary } from '../../state/history.ts';
import { usePageState } from '../../state/page-context.tsx';
import { measuresIn, scoreText } from '../../state/scores.ts';
import { listed } from '../../state/story.ts';
import { whole } from '../../ui/format.ts';
import { MatrixFigure } from './Accuracy.tsx';
import styles from './run.module.css';

/**
 * The key of the newest finished run with another method and otherwise the same settings, seed and those that both methods
 * have included, whatever general text it was measured by; null if there is none whose results are stored.
 *
 * @param history newest first.
 */
export function counterpartOf(
  settings: RunSettings,
  method: MethodName,
  history: readonly RunSummary[],
): string | null {
  const wanted = othersOf(settings);
  const found = history.find(
    (run) =>
      run.status === 'finished' &&
      run.resultsBytes !== null &&
      run.settings.method.name === method &&
      agree(run.settings.method, settings.method) &&
      othersOf(run.settings) === wanted,
  );
  return found === undefined ? null : runKey(found);
}

/** Whether two methods have equal values of the settings that both have. */
const agree = (one: MethodSettings, other: MethodSettings): boolean => sameMethod(one, withValues(one, other));

/** The settings besides the method, in the schema's order. */
function othersOf(settings: RunSettings): string {
  const { training, ...others } = v.parse(RunSettingsSchema, settings);
  return JSON.stringify({ ...others, training: { ...training, generalText: null }, method: null });
}

/** The method that does nothing against forgetting. */
export const PLAIN: MethodName = 'seq-lora';
/** The other side of a comparison: no protection, or the best. */
export const counterMethod = (method: MethodName): MethodName => (method === PLAIN ? 'gorp-plus' : PLAIN);

/**
 * Describes a run and its counterpart in sentences: what each forgot and had learned, how watched tasks changed, and in
 * what the two differ.
 */
export function besideStory(one: Results, other: Results): string[] {
  const [plain, guarded] = one.settings.method.name === PLAIN ? [one, other] : [other, one];
  const [a, b] = [plain, guarded].map((results) => ({
    name: results.settings.method.name,
    ...measuresIn(results, 'main'),
  }));
  const score = a.isLoss ? 'loss' : 'exact';
  const unit = a.isLoss ? ' a token' : ' %';
  const learned = (side: typeof a): string => `${scoreText(score, side.measures.justLearned)}${unit}`;
  const lost = [a, b].map((side) => lostText(side.measures.backwardTransfer, side.isLoss));
  const watched = watchedSums(guarded).flatMap(({ score, before, now, tasks }) => {
    const then = watchedSums(plain).find((sum) => sum.score === score)?.now;
    if (then === undefined) return [];
    const ending = score === 'loss' ? 'a token' : '%';
    const [from, to, plainly] = [before, now, then].map((value) => scoreText(score, value));
    return `${listed(tasks)}, which neither was taught, went from ${from} to ${plainly} ${ending} in the plain model, to ${to} with ${b.name}.`;
  });
  const shared = [
    ...sharedValue(one, other, 'loraRank', 'rank'),
    ...sharedValue(one, other, 'learningRate', 'learning rate'),
  ];
  return [
    ...(lost.includes(null)
      ? []
      : [
          `Taught ${inWords(one.settings.order.length)} things in turn, the plain model ${lost[0]} of what it had learned; the one with ${b.name} ${lost[1]}.`,
        ]),
    `That is the mean over the tasks before the last. Right after each task, the plain model had ${learned(a)} in the mean, ${b.name} ${learned(b)}.`,
    ...watched,
    `${listed(['Texts', 'seed', ...shared])} are the same. ${b.name} trains ${whole(guarded.model.trainable)} numbers, ${a.name} ${whole(plain.model.trainable)}.`,
  ];
}

/** `rank 16`, if both methods have that setting. */
function sharedValue(one: Results, other: Results, key: 'loraRank' | 'learningRate', name: string): string[] {
  const [a, b] = [one, other].map(({ settings }) => settings.method[key]);
  return a !== undefined && a === b ? [`${name} ${a}`] : [];
}

/** `lost 23 points`, of a backward transfer; null if nothing was compared. */
function lostText(transfer: number | null, isLoss: boolean): string | null {
  if (transfer === null) return null;
  const fall = isLoss ? transfer : -transfer;
  const size = isLoss ? Math.abs(fall).toFixed(2) : Math.round(Math.abs(100 * fall));
  if (Number(size) === 0) return 'lost nothing';
  const unit = isLoss ? 'a token' : size === 1 ? 'point' : 'points';
  return `${fall > 0 ? 'lost' : 'gained'} ${size} ${unit}`;
}

const NUMBERS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const inWords = (count: number): string => NUMBERS[count] ?? String(count);

/** A run and its counterpart: what each forgot in a sentence, both matrices, and how their mean accuracy went. */
export function SideBySide({ results, other }: { results: Results; other: Results }) {
  const score = usePageState((state) => state.view.score);
  const [first, ...others] = besideStory(results, other);
  const both = results.settings.method.name === PLAIN ? [results, other] : [other, results];
  return (
    <div className="parts" data-testid="side-by-side">
      <p className={styles.verdict}>{first}</p>
      <div className={`row scroll ${styles.figures}`}>
        {both.map((of) => (
          <MatrixFigure
            key={of.settings.method.name}
            title={of.settings.method.name}
            of={{ settings: of.settings, results: of }}
            view={score}
            heat="change"
          />
        ))}
      </div>
      <Pictured value={both.map(({ settings }) => settings.method.name).join(', ')}>
        <Courses both={both} />
      </Pictured>
      {others.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
    </div>
  );
}

/** Mean accuracy over the tasks learned so far, after each round of both runs. */
function Courses({ both }: { both: readonly Results[] }) {
  const sides = both.map((results) => ({
    name: results.settings.method.name,
    ...measuresIn(results, 'main'),
  }));
  const isLoss = sides.every((side) => side.isLoss);
  const curves = sides.map(({ name, measures }) => ({ name, values: measures.averagePerformanceCurve }));
  const rounds = [...(curves[0]?.values.keys() ?? [])].map((i) => i + 1);
  const title = `Mean ${isLoss ? 'loss on' : 'accuracy over'} the tasks learned so far`;
  return (
    <Figure
      chart={roundsChart({
        label: `${title}, of both runs; the table below has the numbers.`,
        lines: curves.map(({ name, values }) => ({
          name,
          color: methodColor(name),
          mark: DOT,
          points: values.map((y, round) => ({ x: round + 1, y })),
        })),
        xName: 'tasks learned',
        yName: isLoss ? 'loss' : '%',
        isLoss,
      })}
      table={{
        caption: title,
        columns: ['method', ...rounds.map((round) => `After task ${round}`)],
        rows: () =>
          curves.map(({ name, values }) => [name, ...values.map((y) => scoreText(isLoss ? 'loss' : 'exact', y))]),
        file: 'side-by-side',
        numbers: () => ({
          columns: ['method', 'round', 'average performance'],
          rows: curves.flatMap(({ name, values }) => values.map((y, i) => [name, i + 1, y])),
        }),
      }}
    />
  );
}
