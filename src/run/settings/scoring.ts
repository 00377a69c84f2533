import { type Score, SCORES_OF, type TaskForm } from '../../tasks/forms.ts';

export { type Score, SCORES, SCORES_OF } from '../../tasks/forms.ts';

/** A task as its report gives it; those of earlier versions have labels. */
interface Scored {
  readonly form?: TaskForm | undefined;
  /** The score that counts for it, if not the first of its form. */
  readonly score?: Score | undefined;
}

export const isScoredBy = ({ form = 'labels' }: Scored, score: Score): boolean => SCORES_OF[form].includes(score);

/** The score that counts for a task. */
export const mainScore = ({ form = 'labels', score }: Scored): Score =>
  score !== undefined && SCORES_OF[form].includes(score) ? score : SCORES_OF[form][0];

/** Whether some learned task does not count by exact match: then each counts by its own score. */
export const countsByOwnScores = (tasks: readonly (Scored & { readonly watched?: true | undefined })[]): boolean =>
  tasks.some((task) => task.watched !== true && mainScore(task) !== 'exact');

/** Whether a score is the share of answers that are right; others are means. */
export const isShare = (score: Score): score is 'exact' | 'ranked' => score === 'exact' || score === 'ranked';
