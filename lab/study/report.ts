import { csvLine } from '../../src/base/visible.ts';
import { markdownTable, markdownText } from '../../src/base/markdown.ts';
import { accuracyLines } from '../../src/run/results/accuracy-table.ts';
import type { Results } from '../../src/run/results/results.ts';
import {
  intervalText,
  type MeasureName,
  MEASURES,
  openingBlocks,
  partBlocks,
  pText,
  type ReportBlock,
  titleOf,
} from '../../src/run/results/study-report.ts';
import { answerChanges, TEST_COLUMNS, type TexCell, testsOf, texTable } from '../../src/run/results/tables.ts';
import type { MadeRun } from './made-runs.ts';
import type { PartSummary, StudySummary } from './summary.ts';

const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  markdownTable(
    head.map(markdownText),
    rows.map(([name, ...cells]) => [markdownText(String(name)), ...cells.map(String)]),
  );

const blockLines = (block: ReportBlock): string[] => {
  if ('heading' in block) return ['', `## ${block.heading}`];
  return ['', 'text' in block ? block.text : table(block.head, block.rows)];
};

/**
 * A study as Markdown: what is missing first, then the claim, then each part. Percent; 95 % intervals over seeds.
 *
 * @param made every planned run.
 */
export function reportText(summary: StudySummary, made: readonly MadeRun[]): string {
  const { title, claim, parts } = summary;
  const lines = [`# ${markdownText(title)}`, ...openingBlocks(summary).flatMap(blockLines)];
  for (const part of parts) {
    lines.push(...partBlocks(part, claim?.part ?? '').flatMap(blockLines));
    // A study without a claim is for looking.
    if (!claim) lines.push(...accuracyOfPart(part, made));
  }
  return `${lines.join('\n')}\n`;
}

/** The accuracy matrix of every method on every order. */
function accuracyOfPart({ name, methods }: PartSummary, all: readonly MadeRun[]): string[] {
  const made = all.filter(({ run }) => run.part === name);
  return methods.flatMap((method) => {
    const own = made.filter(
      ({ run }) => run.label === method.label && JSON.stringify(run.tried) === JSON.stringify(method.tried),
    );
    const orders = [...new Set(own.map(({ run }) => run.order))];
    return orders.flatMap((order) => {
      const runs = own.flatMap(({ run, outcome }) =>
        run.order === order && outcome && 'results' in outcome ? [{ seed: run.seed, results: outcome.results }] : [],
      );
      const results = runs.map((run) => run.results);
      return runs.length > 0 ? ['', ...accuracyLines(titleOf(method), results), ...changeLines(runs)] : [];
    });
  });
}

/** {@link answerChanges} of the runs of one method on one order, a line for each seed. */
function changeLines(runs: readonly { readonly seed: number; readonly results: Results }[]): string[] {
  const rows = runs.map(({ seed, results }) => ({ seed, changes: answerChanges(results) }));
  const tasks = [...new Set(rows.flatMap(({ changes }) => changes.map(({ task }) => task)))];
  if (tasks.length === 0) return [];
  return [
    '',
    'Answers that turned since a task’s own round: change in points, wrong and right, p of McNemar’s exact test.',
    '',
    table(
      ['seed', ...tasks],
      rows.map(({ seed, changes }) => [
        seed,
        ...tasks.map((task) => {
          const own = changes.find((one) => one.task === task);
          if (own === undefined) return '–';
          return `${intervalText(own.change)}, ${own.wrong} wrong, ${own.right} right, p ${pText(own.p)}`;
        }),
      ]),
    ),
  ];
}

/**
 * Every test of every run as a line of tidy CSV: part, method with the values of its grid, index of its order, seed,
 * round (0 is before training), task, measure and value, as {@link testsOf} has them.
 */
export function measurementsCsv(made: readonly MadeRun[]): string {
  const lines = [csvLine(['part', 'method', 'order', 'seed', ...TEST_COLUMNS])];
  for (const { run, outcome } of made) {
    if (outcome === null || 'error' in outcome) continue;
    for (const test of testsOf(outcome.results))
      lines.push(csvLine([run.part, titleOf(run), run.order, run.seed, ...test]));
  }
  return lines.join('');
}

/**
 * The table of each part for a paper: LaTeX with booktabs, percent with 95 % intervals over seeds. A study without a
 * claim also has {@link answerChanges} of every run.
 *
 * @param made every planned run.
 */
export function tablesTex(summary: StudySummary, made: readonly MadeRun[]): string {
  const measures = Object.keys(MEASURES) as MeasureName[];
  const tables = summary.parts.flatMap(({ name, ownScores, methods }) => {
    const shown = measures.filter((one) => methods.some((method) => method.measures[one] !== null));
    const head = shown.map((one) => (one === 'ap' && ownScores ? 'AP' : MEASURES[one]));
    const rows = methods.map((method) => [titleOf(method), ...shown.map((one) => method.measures[one])]);
    const title = `${summary.title}: ${name}`;
    const changes = summary.claim === undefined ? made.filter(({ run }) => run.part === name).flatMap(changeRows) : [];
    return [
      texTable(title, ['method', ...head], rows),
      ...(changes.length > 0
        ? [texTable(`${title}, answers from a task’s own round to the last`, CHANGES, changes)]
        : []),
    ];
  });
  return `${tables.join('\n\n')}\n`;
}

const CHANGES = ['method', 'order', 'seed', 'task', 'turned wrong', 'turned right', 'change', 'McNemar p'];

function changeRows({ run, outcome }: MadeRun): TexCell[][] {
  if (outcome === null || 'error' in outcome) return [];
  return answerChanges(outcome.results).map(({ task, wrong, right, change, p }) => [
    ...[titleOf(run), `${run.order + 1}`, `${run.seed}`, task, `${wrong}`, `${right}`],
    change,
    pText(p),
  ]);
}
