import { markdownText } from '../../src/base/markdown.ts';
import { accuracyLines } from '../../src/run/results/accuracy-table.ts';
import type { Results } from '../../src/run/results/results.ts';
import { answerChanges } from '../../src/run/results/tables.ts';
import type { MadeRun } from './made-runs.ts';
import { GENERAL_TEXT_COLUMN, type MeasureName, MEASURES } from './measures.ts';
import type { Interval } from '../../src/run/results/paired-runs.ts';
import {
  type Bound,
  type ClaimSummary,
  type Contrast,
  type MethodSummary,
  type PartSummary,
  pOf,
  type StudySummary,
} from './summary.ts';

/** `79.0 [77.5, 80.5]`; without the interval if there is only one seed. */
function intervalText(interval: Interval | null, digits = 1): string {
  if (interval === null) return '–';
  const { mean, low, high } = interval;
  if (low === null || high === null) return mean.toFixed(digits);
  return `${mean.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] => [
  row(head),
  `|${' --- |'.repeat(head.length)}`,
  ...rows.map(row),
];

/** A method of a table, with the values of its grid. */
export const titleOf = ({ label, tried }: Pick<MethodSummary, 'label' | 'tried'>): string =>
  [label, ...Object.entries(tried).map(([key, value]) => `${key}=${value}`)].join(' ');

/**
 * A study as Markdown: what is missing first, then the claim, then each part. Percent; 95 % intervals over seeds.
 *
 * @param made every planned run.
 */
export function reportText(summary: StudySummary, made: readonly MadeRun[]): string {
  const lines = [`# ${markdownText(summary.title)}`, '', `${summary.made} of ${summary.planned} runs have been made.`];
  if (summary.untuned.length > 0) {
    const waiting = summary.untuned.map(({ part, label }) => `${label} of ${part}`).join(', ');
    lines.push('', `Not planned yet, since their settings have not been chosen: ${waiting}.`);
  }
  const { claim } = summary;
  if (claim) lines.push('', ...claimLines(claim));
  for (const part of summary.parts) {
    lines.push('', ...partLines(part, claim?.part ?? ''));
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
    ...table(
      ['seed', ...tasks.map(markdownText)],
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

function claimLines({ statement, part, ownScores, contrasts, lacking }: ClaimSummary): string[] {
  const by = ownScores ? ` ${OWN_SCORES}` : '';
  const lines = ['## The claim', '', `${statement} Part: ${part}.${by} p is corrected by Holm over the rivals.`, ''];
  if (contrasts.length > 0) {
    lines.push(
      ...table(
        [...CONTRAST_HEAD, 'Holm p'],
        contrasts.map((one) => [...contrastCells(one), pText(one.holmP ?? null)]),
      ),
    );
  }
  if (lacking.length > 0) lines.push('', `Nothing can be said yet about ${lacking.join(', ')}: no pair of runs.`);
  return lines;
}

const OWN_SCORES =
  'AP and the other measures are of each task’s own score, in percent; a loss counts as the probability of a token, exp(−loss).';

const CONTRAST_HEAD = ['AP less that of', 'pairs', 'over seeds', 'bootstrap of seeds and orders', 'p', 'sign test p'];

const contrastCells = (contrast: Contrast): (string | number)[] => {
  const { rival, ap, answersP } = contrast;
  const by = ap.p === null && answersP !== undefined ? ' (answers)' : '';
  return [
    ...[rival, ap.pairs, intervalText(ap.overSeeds), intervalText(ap.bootstrap)],
    ...[`${pText(pOf(contrast))}${by}`, pText(ap.signP)],
  ];
};

export const pText = (p: number | null): string => (p === null ? '–' : p < 0.001 ? '< 0.001' : p.toFixed(3));

function partLines(
  { name, about, ownScores, methods, choices, bound, contrasts, acrossParts }: PartSummary,
  claimed: string,
): string[] {
  const measures = Object.keys(MEASURES) as MeasureName[];
  const named = measures.map((one) => (one === 'ap' && ownScores ? 'AP' : MEASURES[one]));
  const head = ['method', 'runs', ...named, 'trained', 'state KiB', 'seconds', 'needs'];
  const lines = [`## ${name}`, '', about, '', ...(ownScores ? [OWN_SCORES, ''] : [])];
  lines.push(
    ...table(
      head,
      methods.map((one) => [
        markdownText(titleOf(one)),
        runsText(one),
        ...measures.map((measure) => intervalText(one.measures[measure])),
        one.trained?.toFixed(0) ?? '–',
        one.stateBytes === null ? '–' : (one.stateBytes / 1024).toFixed(1),
        one.seconds?.toFixed(0) ?? '–',
        one.needs,
      ]),
    ),
  );
  const columns = methods.find(({ free }) => free !== undefined)?.free ?? [];
  if (columns.length > 0) {
    const hasText = columns.some((column) => column.name === GENERAL_TEXT_COLUMN);
    const what = hasText ? 'Free answers, watched tasks and general text' : 'Free answers and watched tasks';
    lines.push('', `${what}, over the tasks that have the score; losses are not percent:`, '');
    lines.push(
      ...table(
        ['method', ...columns.map((column) => markdownText(column.name))],
        methods.map((one) => [
          markdownText(titleOf(one)),
          ...columns.map((column) =>
            intervalText(
              one.free?.find((own) => own.name === column.name)?.interval ?? null,
              column.isLoss ? LOSS_DIGITS : 1,
            ),
          ),
        ]),
      ),
    );
  }
  if (choices.length > 0) lines.push('', 'Chosen here:', '', ...table(CHOICE_HEAD, choices.map(choiceCells)));
  if (bound !== null) lines.push('', boundLine(bound));
  const withGaps = methods.filter(({ method, gaps }) => method !== 'per-task' && gaps !== null);
  if (withGaps.length > 0) {
    const places = Math.max(...withGaps.map(({ gaps }) => gaps?.length ?? 0));
    lines.push('', 'Just learned less `per-task` of the same order and seed, by position:', '');
    lines.push(
      ...table(
        ['method', ...Array.from({ length: places }, (_, i) => `${i + 1}`), 'slope'],
        withGaps.map((one) => [
          markdownText(titleOf(one)),
          ...(one.gaps ?? []).map((gap) => intervalText(gap)),
          intervalText(one.gapSlope, 2),
        ]),
      ),
    );
  }
  if (contrasts.length > 0) {
    if (contrasts[0].holmP === undefined) {
      lines.push('', `\`${contrasts[0].entry}\` beside the others, paired by seed and order; exploration:`, '');
      lines.push(...table(CONTRAST_HEAD, contrasts.map(contrastCells)));
    } else {
      lines.push(
        '',
        'Each method less each other, paired by seed and order; p is corrected by Holm over all of them:',
        '',
      );
      lines.push(
        ...table(
          ['method', ...CONTRAST_HEAD, 'Holm p'],
          contrasts.map((one) => [one.entry, ...contrastCells(one), pText(one.holmP ?? null)]),
        ),
      );
    }
  }
  if (acrossParts.length > 0) {
    const entry = `\`${acrossParts[0].entry}\` of ${claimed}`;
    lines.push('', `${entry} beside these, on the orders and seeds of both parts; exploration:`, '');
    lines.push(...table(CONTRAST_HEAD, acrossParts.map(contrastCells)));
  }
  return lines;
}

const LOSS_DIGITS = 3;

const CHOICE_HEAD = ['method', 'values', 'score', 'at an end of the grid'];

const choiceCells = ({ label, values, score, atEnd }: PartSummary['choices'][number]): string[] => [
  label,
  Object.entries(values)
    .map(([key, value]) => `${key}=${value}`)
    .join(' '),
  score.toFixed(1),
  atEnd.join(', ') || '–',
];

/** Whether the upper bound holds. */
function boundLine({ mtl, perTask, trained }: Bound): string {
  const figures = `\`mtl\` ends at ${mtl.toFixed(1)}, \`per-task\` has learned ${perTask.toFixed(1)}`;
  return trained
    ? `${figures}: \`mtl\` is well trained.`
    : `${figures}: **\`mtl\` is undertrained**, more than a point below. It is not an upper bound here.`;
}

/** `5`, `3 of 5`, `5 (1 failed: run/not-finite)`. */
function runsText({ made, planned, failed }: MethodSummary): string {
  const count = made === planned ? `${made}` : `${made} of ${planned}`;
  return failed.length > 0 ? `${count} (${failed.length} failed: ${[...new Set(failed)].join(', ')})` : count;
}
