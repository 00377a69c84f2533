import type { ChatTurn } from '../text/chat-turn.ts';
import type { Score, TaskForm } from './forms.ts';
import type { PromptFrame } from './frames.ts';

/** A text and its answer. */
export interface Example {
  /** The text of the prompt; of a conversation, its turns in plain words; empty if the answer is a text to continue. */
  sentence: string;
  /** The label, or the answer to learn. */
  label: string;
  /** Further answers that count as right. */
  others?: readonly string[] | undefined;
  /** The turns before the answer, if the example is part of a conversation. */
  turns?: readonly ChatTurn[] | undefined;
  /** The row of a custom task's file: its line, or its place in a list, from 1. */
  row?: number | undefined;
}

/** What a task is, without its examples: docs/method.md, section 5. */
export interface TaskDefinition {
  /** Name of the dataset, as in the prompt: agnews. */
  name: string;
  /** Its kind, as in the prompt: TC. */
  kind: string;
  /** Ends in a line feed. Null if the prompt has neither instruction nor options (COPA). */
  instruction: string | null;
  /** In the order of the prompt; empty if answers are free. */
  labels: readonly string[];
  /** What answers are; labels by default. */
  form?: TaskForm | undefined;
  /** The score that counts for it, if not the first of its form. */
  score?: Score | undefined;
  /** What surrounds the text in the prompt of a task with free answers. */
  frame?: PromptFrame | undefined;
}

/** A dataset to learn, from the benchmark or the user. */
export interface Task extends TaskDefinition {
  train: readonly Example[];
  dev: readonly Example[];
  test: readonly Example[];
}
