import { normalisedAnswer } from '../text/scores.ts';
import type { Relabelled } from './forms.ts';
import type { Example } from './task.ts';

/** A label that may be a slip of the pen, or that has too few different texts to be trained and tested. */
export interface LabelDoubt {
  readonly label: string;
  readonly rows: number;
  /** The label that was probably meant; null if none is like it. */
  readonly like: string | null;
}

/** More labels than a task may have are texts, most likely. */
const MOST_COMPARED = 300;
/** A slip has few rows: one beside at least three, or a twentieth of the other label's. */
const [LEAST_BESIDE, OFTEN] = [3, 20];
/** Letters of a label for one slip, and for two. */
const LETTERS = [4, 9];

/**
 * Labels to ask about before a task is made, in the order of the labels: those that equal a more frequent one but for
 * case and punctuation, those that are rare and differ from a frequent one by a letter, or by two if they are long, and
 * those with a single text. Labels that differ in digits are different on purpose.
 */
export function doubtfulLabels(
  examples: readonly Example[],
  labels: readonly { readonly label: string; readonly rows: number }[],
): LabelDoubt[] {
  if (labels.length > MOST_COMPARED) return [];
  const texts = new Map<string, Set<string>>();
  for (const { sentence, label } of examples) texts.set(label, (texts.get(label) ?? new Set()).add(sentence));
  const all = labels.map((one) => ({ ...one, plain: normalisedAnswer(one.label) }));
  return all.flatMap((own, at): LabelDoubt[] => {
    const meant = all.filter((other, i) => i !== at && mayMean(own, other, i < at));
    const [like] = meant.toSorted(
      (a, b) =>
        slips(own.plain, a.plain) - slips(own.plain, b.plain) || b.rows - a.rows || (a.label < b.label ? -1 : 1),
    );
    const isRare = (texts.get(own.label)?.size ?? 0) < 2;
    return like || isRare ? [{ label: own.label, rows: own.rows, like: like?.label ?? null }] : [];
  });
}

interface Compared {
  readonly rows: number;
  readonly plain: string;
}

/** @param isFirst whether the other comes first, which decides between labels with as many rows. */
function mayMean(own: Compared, other: Compared, isFirst: boolean): boolean {
  if (own.plain === other.plain && own.plain !== '')
    return other.rows > own.rows || (other.rows === own.rows && isFirst);
  const isSlip = own.rows === 1 ? other.rows >= LEAST_BESIDE : other.rows >= OFTEN * own.rows;
  if (!isSlip || digitsOf(own.plain) !== digitsOf(other.plain)) return false;
  const length = Math.min(own.plain.length, other.plain.length);
  return slips(own.plain, other.plain) <= LETTERS.filter((least) => length >= least).length;
}

const digitsOf = (text: string): string => text.replaceAll(/\P{N}/gu, '');

/** Letters left out, added, replaced or swapped with their neighbours between two words (optimal string alignment). */
function slips(a: string, b: string): number {
  const [from, to] = [[...a], [...b]];
  let [above, last] = [[] as number[], to.map((_, j) => j).concat(to.length)];
  for (let i = 1; i <= from.length; i++) {
    const now = [i];
    for (let j = 1; j <= to.length; j++) {
      const other = from[i - 1] === to[j - 1] ? 0 : 1;
      now[j] = Math.min(last[j] + 1, now[j - 1] + 1, last[j - 1] + other);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (isSwap) now[j] = Math.min(now[j], above[j - 2] + 1);
    }
    [above, last] = [last, now];
  }
  return last[to.length];
}

/** The changes with one more; labels that were changed to its label change with it. */
export const withRelabelled = (before: readonly Relabelled[], { from, to }: Relabelled): Relabelled[] => [
  ...before.map((one) => (one.to === from ? { from: one.from, to } : one)),
  { from, to },
];

/** A question about a label: “biling: 1 row. Did you mean billing?” Did you mean billing?” */
export const doubtText = ({ label, rows, like }: LabelDoubt): string =>
  `${label}: ${rows === 1 ? '1 row' : `${rows} rows`}${like === null ? ', too few texts to train and test' : ''}.` +
  (like === null ? '' : ` Did you mean ${like}?`);
