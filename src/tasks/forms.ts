/**
 * What the answers of a task are: one of its labels, free text, the assistant's turns of conversations, or the
 * continuation of a text.
 */
export const TASK_FORMS = ['labels', 'free', 'chat', 'text'] as const;
export type TaskForm = (typeof TASK_FORMS)[number];

/** Which of the assistant's turns in a conversation are learned. */
export const CHAT_ANSWERS = ['every', 'last'] as const;
export type ChatAnswers = (typeof CHAT_ANSWERS)[number];

/** The columns of a file, and what they hold. */
export interface Columns {
  readonly form: TaskForm;
  /** The text, the conversation or the document. */
  readonly textColumn: string;
  /** A second part of the text, after it; null if there is none. */
  readonly inputColumn: string | null;
  /** The label or the answer; empty in a conversation or a document, which contains its answers. */
  readonly labelColumn: string;
}
