import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';

const list = <T extends v.GenericSchema>(one: T) => v.pipe(v.array(one), v.readonly());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const known = v.nullable(v.number());
const interval = v.object({ mean: v.number(), low: known, high: known, count });
const value = v.union([v.number(), v.string()]);

/** The measures of a run, in percent, as tables name them. */
export const MEASURES = {
  ap: 'AP exact',
  apRanked: 'AP ranked',
  anytime: 'anytime AP',
  bwt: 'BWT',
  forgetting: 'forgetting',
  fwt: 'FWT',
  justLearned: 'just learned',
  intransigence: 'intransigence',
  worst: 'worst task',
} as const;
export type MeasureName = keyof typeof MEASURES;
const NAMES = Object.keys(MEASURES) as MeasureName[];

/** The first column of general text. */
export const GENERAL_TEXT_COLUMN = 'general text before, nats a token';

/** The runs of one method, with one combination of its grid. */
const MethodSchema = v.object({
  label: v.string(),
  method: v.string(),
  tried: v.record(v.string(), value),
  needs: v.string(),
  planned: count,
  made: count,
  /** Failed runs, with their errors. They count as runs but have no measures. */
  failed: list(v.string()),
  measures: v.record(v.string(), v.nullable(interval)),
  seconds: known,
  stateBytes: known,
  trained: known,
  /** Gap to `per-task` at each position, and its slope, with intervals over seeds. */
  gaps: v.nullable(list(interval)),
  gapSlope: v.nullable(interval),
  /** Only if some tasks have free answers or are watched, or general text is measured: in the order of the columns. */
  free: v.exactOptional(list(v.object({ name: v.string(), isLoss: v.boolean(), interval: v.nullable(interval) }))),
});
export type ReportedMethod = v.InferOutput<typeof MethodSchema>;

/** AP of one entry minus AP of another. */
const ContrastSchema = v.object({
  entry: v.string(),
  rival: v.string(),
  ap: v.object({ overSeeds: interval, bootstrap: interval, p: known, signP: v.number(), pairs: count }),
  /** Of a single pair of runs, McNemar's test of the answers to the same tests at the end of both. */
  answersP: v.exactOptional(v.number()),
  /** Its p, corrected by Holm over the tests it stands among; missing where it is exploration beside a claim. */
  holmP: v.exactOptional(known),
});
export type Contrast = v.InferOutput<typeof ContrastSchema>;

const PartSchema = v.object({
  name: v.string(),
  about: v.string(),
  /** Only if some learned tasks do not count by exact match: AP and all measures are then of each task's own score. */
  ownScores: v.exactOptional(v.literal(true)),
  methods: list(MethodSchema),
  /** The choices of every complete grid; `atEnd` are settings whose value is the lowest or highest tried. */
  choices: list(
    v.object({ label: v.string(), values: v.record(v.string(), value), score: v.number(), atEnd: list(v.string()) }),
  ),
  /** Whether `mtl` is an upper bound: less than a point below what `per-task` has just learned. Null if either is missing. */
  bound: v.nullable(v.object({ mtl: v.number(), perTask: v.number(), trained: v.boolean() })),
  /**
   * The entry of the claim against every other method of this part: exploratory except for the claim. Without a claim,
   * every method against every other, corrected by Holm.
   */
  contrasts: list(ContrastSchema),
  /** The claim's entry, with its runs in the claim's part, against every method of this part if it is another. */
  acrossParts: list(ContrastSchema),
});
export type ReportedPart = v.InferOutput<typeof PartSchema>;

/** A claim and what the runs say about it. */
const ClaimSchema = v.object({
  statement: v.string(),
  part: v.string(),
  entry: v.string(),
  rivals: list(v.string()),
  ownScores: v.exactOptional(v.literal(true)),
  contrasts: list(ContrastSchema),
  /** Rivals without a pair of runs yet. */
  lacking: list(v.string()),
});
export type ReportedClaim = v.InferOutput<typeof ClaimSchema>;

/** `report.json` of a study: everything that its tables show. */
const ReportSchema = v.object({
  title: v.string(),
  claim: v.exactOptional(ClaimSchema),
  parts: list(PartSchema),
  planned: count,
  made: count,
  /** Entries whose settings are still to be chosen, by part. */
  untuned: list(v.object({ part: v.string(), label: v.string() })),
});
export type StudyReport = v.InferOutput<typeof ReportSchema>;

/**
 * Reads the report of a study.
 *
 * @param name of the file, for messages.
 * @throws GorpError `run/bad-study-report`, naming the field.
 */
export function parseStudyReport(text: string, name: string): StudyReport {
  const bad = (what: string, cause: unknown): GorpError =>
    new GorpError(
      'run/bad-study-report',
      `${name} is not a whole report of a study: ${what}.`,
      'Copy it again, or write it again with: gorp-web study --plan PLAN --out DIR --report.',
      { cause },
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw bad('it is not JSON', cause);
  }
  const parsed = v.safeParse(ReportSchema, json);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw bad(`${v.getDotPath(issue) ?? 'its content'}: ${issue.message}`, parsed.issues);
  }
  const { claim, parts, made } = parsed.output;
  const methods = parts.flatMap((part) => part.methods);
  if (made !== methods.reduce((sum, method) => sum + method.made, 0))
    throw bad('its parts have another number of runs than it says', null);
  if (claim !== undefined && !parts.some((part) => part.name === claim.part))
    throw bad(`its claim is about ${claim.part}, which is none of its parts`, null);
  return parsed.output;
}

/** How many runs of a report have results. */
export const finishedIn = ({ parts }: StudyReport): number =>
  parts.reduce((sum, part) => sum + part.methods.reduce((own, { made, failed }) => own + made - failed.length, 0), 0);

/** A piece of a report: a heading, a paragraph with marks of Markdown, or a table whose first column has names. */
export type ReportBlock =
  | { readonly heading: string }
  | { readonly text: string }
  | { readonly head: readonly string[]; readonly rows: readonly (readonly (string | number)[])[] };

/** `79.0 [77.5, 80.5]`; without the interval if there is only one seed. */
export function intervalText(shown: v.InferOutput<typeof interval> | null | undefined, digits = 1): string {
  if (!shown) return '–';
  const { mean, low, high } = shown;
  if (low === null || high === null) return mean.toFixed(digits);
  return `${mean.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
}

export const pText = (p: number | null): string => (p === null ? '–' : p < 0.001 ? '< 0.001' : p.toFixed(3));

/** The p of a comparison: over seeds, or of a single pair that of its answers. */
export const pOf = ({ ap, answersP }: Contrast): number | null => ap.p ?? answersP ?? null;

/** A method of a table, with the values of its grid. */
export const titleOf = ({ label, tried }: Pick<ReportedMethod, 'label' | 'tried'>): string =>
  [label, ...Object.entries(tried).map(([key, one]) => `${key}=${one}`)].join(' ');

/** Returns the opening of the report: first what is missing, then the claim. */
export function openingBlocks({ planned, made, untuned, claim }: StudyReport): ReportBlock[] {
  const waiting = untuned.map(({ part, label }) => `${label} of ${part}`).join(', ');
  return [
    { text: `${made} of ${planned} runs have been made.` },
    ...(waiting === '' ? [] : [{ text: `Not planned yet, since their settings have not been chosen: ${waiting}.` }]),
    ...(claim ? claimBlocks(claim) : []),
  ];
}

function claimBlocks({ statement, part, ownScores, contrasts, lacking }: ReportedClaim): ReportBlock[] {
  const by = ownScores ? ` ${OWN_SCORES}` : '';
  return [
    { heading: 'The claim' },
    { text: `${statement} Part: ${part}.${by} p is corrected by Holm over the rivals.` },
    ...(contrasts.length === 0 ? [] : [{ head: [...CONTRAST_HEAD, ...DECIDED], rows: contrasts.map(decidedCells) }]),
    ...(lacking.length === 0
      ? []
      : [{ text: `Nothing can be said yet about ${lacking.join(', ')}: no pair of runs.` }]),
  ];
}

const OWN_SCORES =
  'AP and the other measures are of each task’s own score, in percent; a loss counts as the probability of a token, exp(−loss).';

const CONTRAST_HEAD = ['AP less that of', 'pairs', 'over seeds', 'bootstrap of seeds and orders', 'p', 'sign test p'];
const DECIDED = ['Holm p', 'AP is'];

function contrastCells(contrast: Contrast): (string | number)[] {
  const { rival, ap, answersP } = contrast;
  const by = ap.p === null && answersP !== undefined ? ' (answers)' : '';
  return [
    ...[rival, ap.pairs, intervalText(ap.overSeeds), intervalText(ap.bootstrap)],
    ...[`${pText(pOf(contrast))}${by}`, pText(ap.signP)],
  ];
}

/** With the corrected p, and what it says at 5 %. */
function decidedCells(contrast: Contrast): (string | number)[] {
  const { holmP = null, ap } = contrast;
  const isTold = holmP !== null && holmP < 0.05;
  const verdict = isTold ? (ap.overSeeds.mean > 0 ? 'higher' : 'lower') : 'not told apart';
  return [...contrastCells(contrast), pText(holmP), verdict];
}

/** The tables of a part. @param claimed the part of the claim; '' without a claim. */
export function partBlocks(part: ReportedPart, claimed: string): ReportBlock[] {
  const { name, about, ownScores, methods, choices, bound, contrasts, acrossParts } = part;
  const named = NAMES.map((one) => (one === 'ap' && ownScores ? 'AP' : MEASURES[one]));
  const blocks: ReportBlock[] = [
    { heading: name },
    { text: about },
    ...(ownScores ? [{ text: OWN_SCORES }] : []),
    {
      head: ['method', 'runs', ...named, 'trained', 'state KiB', 'seconds', 'needs'],
      rows: methods.map((one) => [
        ...[titleOf(one), runsText(one), ...NAMES.map((measure) => intervalText(one.measures[measure]))],
        ...[one.trained?.toFixed(0) ?? '–', one.stateBytes === null ? '–' : (one.stateBytes / 1024).toFixed(1)],
        ...[one.seconds?.toFixed(0) ?? '–', one.needs],
      ]),
    },
  ];
  const columns = methods.find(({ free }) => free !== undefined)?.free ?? [];
  if (columns.length > 0) {
    const hasText = columns.some((column) => column.name === GENERAL_TEXT_COLUMN);
    const what = hasText ? 'Free answers, watched tasks and general text' : 'Free answers and watched tasks';
    blocks.push(
      { text: `${what}, over the tasks that have the score; losses are not percent:` },
      {
        head: ['method', ...columns.map((column) => column.name)],
        rows: methods.map((one) => [
          titleOf(one),
          ...columns.map((column) =>
            intervalText(one.free?.find((own) => own.name === column.name)?.interval, column.isLoss ? LOSS_DIGITS : 1),
          ),
        ]),
      },
    );
  }
  if (choices.length > 0) {
    const rows = choices.map(({ label, values, score, atEnd }) => [
      ...[label, titleOf({ label: '', tried: values }).trim(), score.toFixed(1), atEnd.join(', ') || '–'],
    ]);
    blocks.push({ text: 'Chosen here:' }, { head: ['method', 'values', 'score', 'at an end of the grid'], rows });
  }
  if (bound !== null) {
    const figures = `\`mtl\` ends at ${bound.mtl.toFixed(1)}, \`per-task\` has learned ${bound.perTask.toFixed(1)}`;
    const text = bound.trained
      ? `${figures}: \`mtl\` is well trained.`
      : `${figures}: **\`mtl\` is undertrained**, more than a point below. It is not an upper bound here.`;
    blocks.push({ text });
  }
  const withGaps = methods.filter(({ method, gaps }) => method !== 'per-task' && gaps !== null);
  if (withGaps.length > 0) {
    const places = Math.max(...withGaps.map(({ gaps }) => gaps?.length ?? 0));
    blocks.push(
      { text: 'Just learned less `per-task` of the same order and seed, by position:' },
      {
        head: ['method', ...Array.from({ length: places }, (_, i) => `${i + 1}`), 'slope'],
        rows: withGaps.map((one) => [
          titleOf(one),
          ...(one.gaps ?? []).map((gap) => intervalText(gap)),
          intervalText(one.gapSlope, 2),
        ]),
      },
    );
  }
  if (contrasts.length > 0 && contrasts[0].holmP === undefined) {
    blocks.push(
      { text: `\`${contrasts[0].entry}\` beside the others, paired by seed and order; exploration:` },
      { head: CONTRAST_HEAD, rows: contrasts.map(contrastCells) },
    );
  } else if (contrasts.length > 0) {
    blocks.push(
      { text: 'Each method less each other, paired by seed and order; p is corrected by Holm over all of them:' },
      {
        head: ['method', ...CONTRAST_HEAD, ...DECIDED],
        rows: contrasts.map((one) => [one.entry, ...decidedCells(one)]),
      },
    );
  }
  if (acrossParts.length > 0) {
    const entry = `\`${acrossParts[0].entry}\` of ${claimed}`;
    blocks.push(
      { text: `${entry} beside these, on the orders and seeds of both parts; exploration:` },
      { head: CONTRAST_HEAD, rows: acrossParts.map(contrastCells) },
    );
  }
  return blocks;
}

const LOSS_DIGITS = 3;

/** `5`, `3 of 5`, `5 (1 failed: run/not-finite)`. */
function runsText({ made, planned, failed }: ReportedMethod): string {
  const runs = made === planned ? `${made}` : `${made} of ${planned}`;
  return failed.length > 0 ? `${runs} (${failed.length} failed: ${[...new Set(failed)].join(', ')})` : runs;
}
