import * as v from 'valibot';

/**
 * Bounds of what a results file may say, generous to any run and small enough that the page can show what passes: a
 * file comes from anywhere, and a few bytes of it can ask for gigabytes of tables.
 */
export const MOST_TASKS = 128;
const MOST_LETTERS = 100_000;
/** Letters in the name of a run, and in its notes. */
export const MOST_NAME = 100;
export const MOST_NOTES = 10_000;

/** Questions of common knowledge. */
export const MOST_QUESTIONS = 1000;

/** A number that JSON can hold: 1e999 would be read as infinite and stored as null. */
export const finite = v.pipe(v.number(), v.finite());
/** A count, also of bytes. */
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** A round from 0 (before training), or a task from 1. */
export const round = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MOST_TASKS));
export const text = v.pipe(v.string(), v.maxLength(MOST_LETTERS));
/** The cosine of an angle, with its rounding. */
export const cosine = v.pipe(v.number(), v.minValue(-1.01), v.maxValue(1.01));
/** A date and time, as `Date` writes it. */
export const time = v.pipe(v.string(), v.isoTimestamp());

/** The parts of results that have to agree in size. */
interface Sized {
  readonly settings: { readonly order: readonly string[]; readonly watch?: readonly string[] };
  readonly tasks: readonly { readonly watched?: true }[];
  readonly accuracy: Readonly<Record<string, readonly (readonly unknown[])[] | undefined>>;
  readonly probes?: {
    readonly generalText?: {
      readonly tokens: readonly unknown[];
      readonly bytes: readonly unknown[];
      readonly rounds: readonly {
        readonly round: number;
        readonly losses: readonly unknown[];
        readonly divergences: readonly unknown[];
        readonly prompts: readonly unknown[];
      }[];
    };
  };
  readonly curves: Readonly<Record<string, readonly unknown[] | undefined>>;
  readonly spaces: readonly {
    readonly round: number;
    readonly tensors: readonly {
      readonly dimension: number;
      readonly total: number;
      readonly spectrum: readonly unknown[];
    }[];
  }[];
}

type MeasuredText = NonNullable<NonNullable<Sized['probes']>['generalText']>;

/**
 * Whether a round has a value for every passage. Its prompts may be of other tasks than those of the last round: a model
 * that is taught more has more tasks, and its earlier ones perhaps no tests any more.
 */
const isAsLong = (round: MeasuredText['rounds'][number], { tokens, bytes }: MeasuredText): boolean =>
  [bytes, round.losses, round.divergences].every(({ length }) => length === tokens.length) &&
  round.prompts.length <= MOST_TASKS;

/** Names the parts that do not agree in size, in words; null if all do. */
export function sizeFault({ settings, tasks, accuracy, probes, curves, spaces }: Sized): string | null {
  const [rows, columns] = [settings.order.length + 1, tasks.length];
  const learned = tasks.findIndex(({ watched }) => watched === true);
  if (learned >= 0 && (learned !== rows - 1 || tasks.slice(learned).some(({ watched }) => watched !== true)))
    return `its tasks are not the ${rows - 1} of its order, then those that are only tested`;
  for (const [score, matrix = []] of Object.entries(accuracy)) {
    // A run that was stopped before its tasks were read has none; earlier versions then wrote a single row.
    const hasRows = matrix.length === rows || (columns === 0 && matrix.length === 1);
    if (!hasRows || matrix.some((row) => row.length !== columns))
      return `accuracy.${score} is not a matrix of ${rows} × ${columns}, as its tasks need`;
  }
  const text = probes?.generalText;
  if (text !== undefined && !text.rounds.every((one) => isAsLong(one, text) && one.round < rows))
    return 'its general text has other passages, prompts or measurements than it says';
  if (new Set(Object.values(curves).map((curve) => curve?.length)).size > 1) return 'its curves differ in length';
  const late = spaces.find((one) => one.round < 1 || one.round >= rows);
  if (late !== undefined) return `it has a space after task ${late.round}, but ${rows - 1} tasks`;
  const wide = spaces.some(({ tensors }) =>
    tensors.some(({ dimension, total, spectrum }) => total > dimension || spectrum.length > dimension),
  );
  return wide ? 'a space has more directions than dimensions' : null;
}
