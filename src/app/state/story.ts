import {
  changeInterval,
  LEAST_TURNED,
  mcnemarP,
  pairedInterval,
  type Proportion,
  smallestFall,
  type Turned,
} from '../../base/proportions.ts';
import type { AccuracyMatrix } from '../../run/results/measures.ts';
import { namedRounds, roundOf, type Scheduled } from '../../run/settings/schedule.ts';
import { roundsTested } from './scores.ts';

/** The outcome of a task: `same` is a change that may be chance. */
type Tone = 'learned' | 'fell' | 'rose' | 'same';

/** A sentence about one task; it begins with the task's name. */
export interface TaskSentence {
  readonly task: string;
  readonly tone: Tone;
  readonly text: string;
}

/** The course of a run so far, in words. */
interface Story {
  /** A sentence for each task on what it learned, and lost or gained since then. */
  readonly tasks: readonly TaskSentence[];
  /** Which losses the number of tests can show; null if there is nothing to compare. */
  readonly limit: string | null;
}

/** One round explains a change if it holds at least this share of it. */
const MOST_OF_IT = 0.7;
/** Falls that only larger ones than this can be told from chance: there are too few tests. */
const COARSE = 0.2;

/** How the answers to a task turned from a round to another; null where that is not known. */
type TurnedAt = (task: number, rounds: readonly [from: number, to: number]) => Turned | null;

/**
 * Tells what happened from R and the numbers of tests. A change counts only if McNemar's test of the answers that turned
 * is below 5 %, or, where those are not known, if its 95 % interval excludes 0 ({@link changeInterval}); everything else
 * is said to be within chance.
 *
 * @param examples number of test examples of each task.
 * @returns null before the first task has been tested.
 */
export function storyOf(
  settings: Scheduled,
  matrix: AccuracyMatrix,
  examples: readonly number[],
  turned: TurnedAt = () => null,
): Story | null {
  const tested = roundsTested(matrix);
  if (tested === 0) return null;
  const cell = (round: number, task: number): Proportion | null => {
    const [share, count = 0] = [matrix[round]?.[task] ?? null, examples[task]];
    return share === null || count < 1 ? null : { share, count };
  };
  const tasks: TaskSentence[] = [];
  const falls: (number | null)[] = [];
  settings.order.forEach((task, j) => {
    const own = roundOf(settings, j);
    const learned = own <= tested ? cell(own, j) : null;
    if (learned === null) return;
    const before = roundBefore(matrix, j, own);
    const first = learnedClause(cell(before, j), learned, turned(j, [before, own]));
    const last = own < tested ? cell(tested, j) : null;
    const answers = turned(j, [own, tested]);
    if (last !== null) falls.push(answers === null ? smallestFall(learned) : leastTurned(learned));
    const when = (): string => whenIt(settings, (round) => cell(round, j), own, tested);
    const since = last === null ? null : sinceClause(changeOf(learned, last, answers), when);
    const text = since === null ? `${task} ${first.text}.` : `${task} ${first.text}, ${since.text}.`;
    tasks.push({ task, tone: since === null || since.tone === 'same' ? first.tone : since.tone, text });
  });
  return { tasks, limit: falls.length === 0 ? null : limitSentence(falls) };
}

/**
 * The round whose test of a task is compared with that after it was learned: the first, before training; of a task that
 * was tested later for the first time, since the model had been taught before, the last before it was learned.
 */
export const roundBefore = (matrix: AccuracyMatrix, task: number, own: number): number => {
  const isTested = (row: AccuracyMatrix[number]): boolean => (row[task] ?? null) !== null;
  return isTested(matrix[0]) ? 0 : Math.max(0, matrix.slice(0, own).findLastIndex(isTested));
};

type Clause = Pick<TaskSentence, 'tone' | 'text'>;

/** A change of a task's accuracy between two tests of the same examples. */
interface Change {
  readonly before: Proportion;
  readonly after: Proportion;
  /** 1 for a rise, −1 for a fall, 0 for a change that may be chance. */
  readonly sign: -1 | 0 | 1;
  /** How sure that is, in words. */
  readonly words: string;
}

function changeOf(before: Proportion, after: Proportion, turned: Turned | null): Change {
  const [low, high] = turned === null ? changeInterval(before, after) : pairedInterval(before, turned);
  const isClear = turned === null ? low > 0 || high < 0 : mcnemarP(turned) < 0.05;
  const interval = `95 % interval ${signed(low)} to ${signed(high)}`;
  const ways = turned && `; ${turned.wrong} turned wrong, ${turned.right} right, ${pText(mcnemarP(turned))}`;
  const change = after.share - before.share;
  const sign = !isClear || change === 0 ? 0 : change > 0 ? 1 : -1;
  return { before, after, sign, words: `(${signed(change)} points, ${interval}${ways ?? ''})` };
}

const pText = (p: number): string => (p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(p < 0.1 ? 3 : 2)}`);

/** The smallest fall that answers turning wrong alone can show. */
const leastTurned = ({ share, count }: Proportion): number | null =>
  Math.round(share * count) < LEAST_TURNED ? null : LEAST_TURNED / count;

function learnedClause(before: Proportion | null, learned: Proportion, turned: Turned | null): Clause {
  const to = `${inPercent(learned.share)} of ${answers(learned)}`;
  if (before === null) return { tone: 'learned', text: `had ${to} right` };
  const from = inPercent(before.share);
  const { sign } = changeOf(before, learned, turned);
  if (sign > 0) return { tone: 'learned', text: `was learned, from ${from} to ${to}` };
  if (sign < 0) return { tone: 'fell', text: `got worse while it was trained, from ${from} to ${to}` };
  return { tone: 'same', text: `was not clearly learned: it had ${from} before and ${to} after, which may be chance` };
}

function sinceClause({ before, after, sign, words }: Change, when: () => string): Clause {
  const to = inPercent(after.share);
  if (sign < 0) return { tone: 'fell', text: `and fell to ${to} ${words} ${when()}` };
  if (sign > 0) return { tone: 'rose', text: `and rose to ${to} ${words} ${when()}` };
  return {
    tone: 'same',
    text:
      to === inPercent(before.share)
        ? 'and stayed there'
        : `and stayed close to it: now ${to}, a difference that may be chance`,
  };
}

/** `while emoji was learned` if one round made most of the change since a task's own, else the rounds after it. */
function whenIt(settings: Scheduled, cell: (round: number) => Proportion | null, own: number, tested: number): string {
  const rounds = namedRounds(settings).filter(({ round }) => round > own && round <= tested);
  const all = (cell(tested)?.share ?? 0) - (cell(own)?.share ?? 0);
  let before = cell(own)?.share ?? 0;
  for (const { round, name } of rounds) {
    const now = cell(round)?.share ?? before;
    if ((now - before) / all >= MOST_OF_IT) return `while ${name} was learned`;
    before = now;
  }
  return `while ${listed(rounds.map(({ name }) => name))} were learned`;
}

/**
 * Says how small a change the number of tests can show. @param falls the smallest fall of each task that cannot be
 * chance.
 */
function limitSentence(falls: readonly (number | null)[]): string {
  const known = falls.filter((fall) => fall !== null);
  if (known.length < falls.length)
    return 'There are too few test examples to tell any loss from chance. Use more of them to see what was forgotten.';
  const [least, most] = [Math.min(...known), Math.max(...known)].map((fall) => Math.round(100 * fall));
  const points =
    least === most ? `${most} points or more` : `${least} to ${most} points or more, depending on the task,`;
  const more = most > 100 * COARSE ? ' Use more test examples to see smaller ones.' : '';
  return `With this many tests, only a loss of ${points} can be told from chance.${more}`;
}

const inPercent = (share: number): string => `${Math.round(100 * share)} %`;

const answers = ({ count }: Proportion): string => (count === 1 ? '1 answer' : `${count} answers`);

function signed(share: number): string {
  const points = Math.round(100 * share);
  return points === 0 ? '0' : `${points < 0 ? '\u2212' : '+'}${Math.abs(points)}`;
}

/** `a`, `a and b`, `a, b and c`. */
export const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
