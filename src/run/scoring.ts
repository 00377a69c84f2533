import type { TaskForm } from '../tasks/forms.ts';

/**
 * How tests are scored: `exact` and `ranked` as docs/method.md, section 6; `rougeL`, the best F1 over the acceptable
 * answers, stemmed; `loss`, −log p per token of the answer, where less is better.
 */
export const SCORES = ['exact', 'ranked', 'rougeL', 'loss'] as const;
export type Score = (typeof SCORES)[number];

/** Scores of a task, its main one first. */
export const SCORES_OF: Readonly<Record<TaskForm, readonly Score[]>> = {
  labels: ['exact', 'ranked'],
  free: ['rougeL', 'exact', 'loss'],
  chat: ['loss', 'rougeL', 'exact'],
  text: ['loss'],
};

/** A task as its report gives it; those of earlier versions have labels. */
interface Scored {
  readonly form?: TaskForm | undefined;
}

export const isScoredBy = ({ form = 'labels' }: Scored, score: Score): boolean => SCORES_OF[form].includes(score);

/** The score that counts for a task. */
export const mainScore = ({ form = 'labels' }: Scored): Score => SCORES_OF[form][0];
