import type { Results } from '../run/results.ts';
import { needsBriefly } from '../methods/parts/method.ts';
import { methodOf } from '../methods/registry.ts';
import { namedRounds } from '../run/schedule.ts';

/** Mean and standard deviation (n − 1) of what is known; "–" where nothing is. */
function meanAndDeviation(values: readonly (number | null)[], digits = 1): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return '–';
  const mean = known.reduce((a, b) => a + b, 0) / known.length;
  if (known.length === 1) return mean.toFixed(digits);
  const variance = known.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (known.length - 1);
  return `${mean.toFixed(digits)} ± ${Math.sqrt(variance).toFixed(digits)}`;
}

const percent = (value: number | null): number | null => (value === null ? null : 100 * value);

/** A study as Markdown: measures of every method, and its R matrix, over the seeds. Percent. */
export function studyTable(runs: readonly Results[]): string {
  const methods = [...new Set(runs.map(({ settings }) => settings.method.name))];
  const lines: string[] = [];
  const head = [
    'method',
    'seeds',
    'AP exact',
    'AP ranked',
    'BWT exact',
    'BWT ranked',
    'forgetting',
    'FWT',
    'just learned',
    'seconds',
    'peak MiB',
    'state KiB',
    'needs',
  ];
  lines.push(`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`);
  for (const method of methods) {
    const own = runs.filter(({ settings }) => settings.method.name === method);
    const of = (pick: (r: Results) => number | null): string => meanAndDeviation(own.map((r) => percent(pick(r))));
    lines.push(
      `| ${[
        method,
        own.length,
        of((r) => r.measures.exact.averagePerformance),
        of((r) => r.measures.ranked.averagePerformance),
        of((r) => r.measures.exact.backwardTransfer),
        of((r) => r.measures.ranked.backwardTransfer),
        of((r) => r.measures.exact.forgetting),
        of((r) => r.measures.exact.forwardTransfer),
        of((r) => r.measures.exact.justLearned),
        meanAndDeviation(
          own.map((r) => r.seconds),
          0,
        ),
        meanAndDeviation(
          own.map((r) => r.memory.peakBytes / 2 ** 20),
          0,
        ),
        meanAndDeviation(own.map(({ stateBytes = [] }) => (stateBytes.at(-1)?.bytes ?? 0) / 2 ** 10)),
        needsBriefly(methodOf({ name: method }).needs),
      ].join(' | ')} |`,
    );
  }
  for (const method of methods) {
    const own = runs.filter(({ settings }) => settings.method.name === method);
    const { settings } = own[0];
    const { order } = settings;
    lines.push(
      '',
      `**${method}**, exact match after each round, ${own.length === 1 ? '1 seed' : `${own.length} seeds`}`,
      '',
    );
    lines.push(`| after | ${order.join(' | ')} |`, `|${' --- |'.repeat(order.length + 1)}`);
    // A run that was stopped before its first test has no matrix.
    for (const { round, name } of [{ round: 0, name: 'nothing' }, ...namedRounds(settings)]) {
      const cells = order.map((_, j) =>
        meanAndDeviation(own.map((r) => percent(r.accuracy.exact.at(round)?.[j] ?? null))),
      );
      lines.push(`| ${[name, ...cells].join(' | ')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}
