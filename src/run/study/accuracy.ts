import { needsBriefly } from '../../methods/parts/method.ts';
import { methodOf } from '../../methods/registry.ts';
import type { Results } from '../results.ts';
import { namedRounds } from '../schedule.ts';
import { deviation, mean } from './statistics.ts';

/** Mean and standard deviation (n − 1) of the known fractions, in percent; "–" if there are none. */
function percentText(values: readonly (number | null)[]): string {
  const known = values.flatMap((value) => (value === null ? [] : [100 * value]));
  if (known.length === 0) return '–';
  const centre = mean(known).toFixed(1);
  return known.length === 1 ? centre : `${centre} ± ${deviation(known).toFixed(1)}`;
}

const MIB = 2 ** 20;

/**
 * The accuracy matrix of a method as Markdown: exact match after each round, mean ± deviation over runs, percent.
 *
 * @param runs of one method on one order, at least one.
 */
export function accuracyLines(label: string, runs: readonly Results[]): string[] {
  const [{ settings }] = runs;
  const { order } = settings;
  const peak = Math.max(...runs.map(({ memory }) => memory.peakBytes)) / MIB;
  const count = runs.length === 1 ? '1 run' : `${runs.length} runs`;
  return [
    `**${label}**, exact match after each round, ${count}, at most ${peak.toFixed(0)} MiB of device memory`,
    '',
    `| after | ${order.join(' | ')} |`,
    `|${' --- |'.repeat(order.length + 1)}`,
    // A run that was stopped before its first test has no matrix.
    ...[{ round: 0, name: 'nothing' }, ...namedRounds(settings)].map(({ round, name }) => {
      const cells = order.map((_, j) => percentText(runs.map(({ accuracy }) => accuracy.exact.at(round)?.[j] ?? null)));
      return `| ${[name, ...cells].join(' | ')} |`;
    }),
  ];
}

/** The measures of a run and its accuracy matrix, as Markdown. */
export function runTable(results: Results): string {
  const { settings, measures, seconds, stateBytes = [] } = results;
  const { exact, ranked } = measures;
  const cells: Readonly<Record<string, string>> = {
    method: settings.method.name,
    'AP exact': percentText([exact.averagePerformance]),
    'AP ranked': percentText([ranked.averagePerformance]),
    'BWT exact': percentText([exact.backwardTransfer]),
    'BWT ranked': percentText([ranked.backwardTransfer]),
    forgetting: percentText([exact.forgetting]),
    FWT: percentText([exact.forwardTransfer]),
    'just learned': percentText([exact.justLearned]),
    seconds: seconds.toFixed(0),
    'state KiB': ((stateBytes.at(-1)?.bytes ?? 0) / 1024).toFixed(1),
    needs: needsBriefly(methodOf(settings.method).needs),
  };
  const lines = [
    `| ${Object.keys(cells).join(' | ')} |`,
    `|${' --- |'.repeat(Object.keys(cells).length)}`,
    `| ${Object.values(cells).join(' | ')} |`,
    '',
    ...accuracyLines(settings.method.name, [results]),
  ];
  return `${lines.join('\n')}\n`;
}
