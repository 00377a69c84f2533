import { markdownTable, markdownText } from '../../base/markdown.ts';
import { deviation, mean } from '../../base/statistics.ts';
import { needsBriefly } from '../../methods/parts/method.ts';
import { methodTitle, planOf } from '../../methods/registry.ts';
import { generalTextChange, generalTextSentence, idleTasks, watchedSums } from './known-before.ts';
import { measuredBy } from './measures.ts';
import { ownSeconds, type Results, type TaskReport } from './results.ts';
import { testedTasks } from '../settings/settings.ts';
import { countsByOwnScores, mainScore, type Score } from '../../tasks/forms.ts';
import { namedRounds } from '../settings/schedule.ts';

/** Names of scores, as tables have them. */
export const SCORE_WORDS: Readonly<Record<Score, string>> = {
  exact: 'exact',
  ranked: 'ranked',
  rougeL: 'ROUGE-L',
  loss: 'loss per token',
};

/** Whether some learned task of a run is tested by a score. */
export const isLearnedBy = (score: Score, tasks: readonly TaskReport[]): boolean =>
  measuredBy(tasks, score).columns.length > 0;

/** Mean and standard deviation (n − 1) of the known fractions, in percent; "–" if there are none. */
function percentText(values: readonly (number | null)[]): string {
  const known = values.flatMap((value) => (value === null ? [] : [100 * value]));
  if (known.length === 0) return '–';
  const centre = mean(known).toFixed(1);
  return known.length === 1 ? centre : `${centre} ± ${deviation(known).toFixed(1)}`;
}

/** Losses as they are. */
function lossText(values: readonly (number | null)[]): string {
  const known = values.flatMap((value) => value ?? []);
  if (known.length === 0) return '–';
  const centre = mean(known).toFixed(3);
  return known.length === 1 ? centre : `${centre} ± ${deviation(known).toFixed(3)}`;
}

const MIB = 2 ** 20;

/**
 * The accuracy matrix of a method as Markdown: exact match after each round, or each task's own score if some have free
 * answers; mean ± deviation over runs, percent but for losses.
 *
 * @param runs of one method on one order, at least one.
 */
export function accuracyLines(label: string, runs: readonly Results[]): string[] {
  const [{ settings, tasks }] = runs;
  const columns = testedTasks(settings);
  const scores = columns.map((_, j) => mainScore(tasks[j] ?? {}));
  const isNamed = scores.some((score) => score !== 'exact');
  const names = columns.map((name, j) =>
    [
      markdownText(name),
      ...(tasks[j]?.watched === true ? ['watched'] : []),
      ...(isNamed ? [`(${SCORE_WORDS[scores[j]]})`] : []),
    ].join(' '),
  );
  const peak = Math.max(...runs.map(({ memory }) => memory.peakBytes)) / MIB;
  const count = runs.length === 1 ? '1 run' : `${runs.length} runs`;
  return [
    `**${markdownText(label)}**, ${countsByOwnScores(tasks) ? 'each task’s own score' : 'exact match'} after each round, ${count}, at most ${peak.toFixed(0)} MiB of device memory`,
    '',
    markdownTable(
      ['after', ...names],
      // A run that was stopped before its first test has no matrix.
      [{ round: 0, name: 'nothing' }, ...namedRounds(settings)].map(({ round, name }) => {
        const cells = scores.map((score, j) => {
          const values = runs.map(({ accuracy }) => accuracy[score]?.at(round)?.[j] ?? null);
          return score === 'loss' ? lossText(values) : percentText(values);
        });
        return [markdownText(name), ...cells];
      }),
    ),
  ];
}

/** Describes the change of what the model could do before, a line for each score. */
function watchedLines(results: Results): string[] {
  const lines = watchedSums(results).map(({ score, before, now, tasks }) => {
    const text = score === 'loss' ? lossText : percentText;
    const count = tasks.length === 1 ? '' : `, mean of ${tasks.length} tasks`;
    return `What the model could do before (${tasks.map(markdownText).join(', ')}; ${SCORE_WORDS[score]}${count}): ${text([before])} → ${text([now])}`;
  });
  const idle = idleTasks(results).map(
    (name) => `${markdownText(name)} can show nothing: the model was near chance on it before.`,
  );
  return lines.length + idle.length === 0 ? [] : ['', ...lines, ...idle];
}

/** Describes the change of the loss on general text. */
function textLines(results: Results): string[] {
  const change = generalTextChange(results);
  return change === null ? [] : ['', generalTextSentence(change)];
}

/** Lists the first and last measurements of the probes of plugins. */
const probeLines = ({ probes }: Results): string[] =>
  (probes?.own ?? [])
    .filter(({ rounds }) => rounds.length > 0)
    .flatMap(({ title, rounds }) => [
      '',
      `${markdownText(title)}: ${rounds.map(({ value }) => Number(value.toPrecision(5))).join(' → ')}`,
    ]);

/** The measures of a run and its accuracy matrix, as Markdown. */
export function runTable(results: Results): string {
  const { settings, tasks, measures, stateBytes = [] } = results;
  const { exact, ranked, rougeL, loss } = measures;
  const cells: Readonly<Record<string, string>> = {
    method: methodTitle(settings.method),
    'AP exact': percentText([exact.averagePerformance]),
    'AP ranked': percentText([ranked.averagePerformance]),
    'BWT exact': percentText([exact.backwardTransfer]),
    'BWT ranked': percentText([ranked.backwardTransfer]),
    forgetting: percentText([exact.forgetting]),
    FWT: percentText([exact.forwardTransfer]),
    'just learned': percentText([exact.justLearned]),
    ...(rougeL &&
      isLearnedBy('rougeL', tasks) && {
        'AP ROUGE-L': percentText([rougeL.averagePerformance]),
        'BWT ROUGE-L': percentText([rougeL.backwardTransfer]),
      }),
    ...(loss &&
      isLearnedBy('loss', tasks) && {
        loss: lossText([loss.averagePerformance]),
        'BWT loss': lossText([loss.backwardTransfer]),
      }),
    seconds: ownSeconds(results).toFixed(0),
    'state KiB': ((stateBytes.at(-1)?.bytes ?? 0) / 1024).toFixed(1),
    needs: needsBriefly(planOf(settings.method)),
  };
  const lines = [
    markdownTable(Object.keys(cells), [Object.values(cells)]),
    '',
    ...accuracyLines(methodTitle(settings.method), [results]),
    ...watchedLines(results),
    ...textLines(results),
    ...probeLines(results),
  ];
  return `${lines.join('\n')}\n`;
}
