import type { Results } from './results.ts';
import { mainScore, type Score } from '../../tasks/forms.ts';

type Watching = Pick<Results, 'tasks' | 'accuracy'>;

/** The scores of watched tasks by one measure: means before training and in the last tests. */
export interface WatchedSum {
  readonly score: Score;
  readonly before: number;
  readonly now: number;
  /** Names of the tasks, without those that can show nothing. */
  readonly tasks: readonly string[];
}

/** A watched task with its main score before training and in its last test; null if it was not tested. */
interface WatchedTask {
  readonly name: string;
  readonly score: Score;
  readonly before: number | null;
  readonly now: number | null;
  /** Whether the model did no better than chance before, so that there is nothing to lose. */
  readonly isIdle: boolean;
}

/** Standard errors by which a share may exceed chance by accident. */
const ERRORS = 2;
/** ROUGE-L that unrelated texts reach by common words. */
const COMMON_WORDS = 0.05;
/** The share of the loss of guessing that counts as guessing. */
const GUESSED = 0.9;

/** The tasks that a run only tests. */
function watchedTasks({ tasks, accuracy }: Watching): WatchedTask[] {
  return tasks.flatMap((task, j): WatchedTask[] => {
    if (task.watched !== true) return [];
    const score = mainScore(task);
    const matrix = accuracy[score] ?? [];
    const before = matrix[0]?.[j] ?? null;
    const now = matrix.findLast((row) => (row[j] ?? null) !== null)?.[j] ?? null;
    return [{ name: task.name, score, before, now, isIdle: before !== null && isChance(task, score, before) }];
  });
}

/** Whether a score is no better than guessing: among the labels, by common words, or among all tokens. */
function isChance(
  { labels, testExamples, chanceLoss = Infinity }: Results['tasks'][number],
  score: Score,
  value: number,
): boolean {
  if (score === 'loss') return value > GUESSED * chanceLoss;
  if (score === 'rougeL') return value <= COMMON_WORDS;
  const chance = labels.length === 0 ? 0 : 1 / labels.length;
  return value <= chance + ERRORS * Math.sqrt((chance * (1 - chance)) / Math.max(1, testExamples));
}

/** Names of the watched tasks that can show nothing, since the model was near chance on them before training. */
export const idleTasks = (results: Watching): string[] =>
  watchedTasks(results).flatMap(({ name, isIdle }) => (isIdle ? [name] : []));

/** Sums what the model could do before, and what it can do now, by score; tasks near chance are left out. */
export function watchedSums(results: Watching): WatchedSum[] {
  const sums = new Map<Score, { name: string; before: number; now: number }[]>();
  for (const { name, score, before, now, isIdle } of watchedTasks(results)) {
    if (before === null || now === null || isIdle) continue;
    sums.set(score, [...(sums.get(score) ?? []), { name, before, now }]);
  }
  return Array.from(sums, ([score, of]) => {
    const mean = (valueOf: (one: (typeof of)[number]) => number): number =>
      of.reduce((sum, one) => sum + valueOf(one), 0) / of.length;
    return {
      score,
      before: mean(({ before }) => before),
      now: mean(({ now }) => now),
      tasks: of.map(({ name }) => name),
    };
  });
}
