/**
 * The forms of the answers of a task: one of its labels, free text, the assistant's turns of conversations, or the
 * continuation of a text.
 */
export const TASK_FORMS = ['labels', 'free', 'chat', 'text'] as const;
export type TaskForm = (typeof TASK_FORMS)[number];

/** Which of the assistant's turns in a conversation are learned. */
export const CHAT_ANSWERS = ['every', 'last'] as const;
export type ChatAnswers = (typeof CHAT_ANSWERS)[number];

/** A label to which another is changed before a task is made, or null where its rows are left out. */
export interface Relabelled {
  readonly from: string;
  readonly to: string | null;
}

/** The columns of a file, and what they hold. */
export interface Columns {
  /** Labels that are changed, or whose rows are left out. */
  readonly relabel?: readonly Relabelled[];
  readonly form: TaskForm;
  /** The text, the conversation or the document. */
  readonly textColumn: string;
  /** A second part of the text, after it; null if there is none. */
  readonly inputColumn: string | null;
  /** The label or the answer; empty in a conversation or a document, which contains its answers. */
  readonly labelColumn: string;
}

/**
 * How tests are scored: `exact` and `ranked` as docs/method.md, section 6; `rougeL`, the best F1 over the acceptable
 * answers, stemmed; `loss`, −log p per token of the answer, where less is better.
 */
export const SCORES = ['exact', 'ranked', 'rougeL', 'loss'] as const;
export type Score = (typeof SCORES)[number];

/** Scores of a task; its main one is the first, unless the task says otherwise. */
export const SCORES_OF: Readonly<Record<TaskForm, readonly Score[]>> = {
  labels: ['exact', 'ranked'],
  free: ['rougeL', 'exact', 'loss'],
  chat: ['loss', 'rougeL', 'exact'],
  text: ['loss'],
};

/** The longest free answer in tokens, with its end, if the settings leave it open. */
const FREE_ANSWER = 128;

/** Maximum number of tokens in a free answer. @param targetLength as the settings give it. */
export const freeAnswerLength = (targetLength: number): number => (targetLength === 0 ? FREE_ANSWER : targetLength);

/** Labels of a task at most: each prompt lists them all, and tables show which are taken for which. */
export const MOST_LABELS = 300;

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
