import * as v from 'valibot';
import { Sha256 } from '../base/sha256.ts';
import type { ChatTurn } from '../text/chat-turn.ts';
import type { Score, TaskForm } from './forms.ts';

/** The text before and after the sentence in a task's prompt. */
export interface PromptFrame {
  before: string;
  after: string;
}

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

/** The definition of a task, without its examples: docs/method.md, section 5. */
export interface TaskDefinition {
  /** Name of the dataset, as in the prompt: agnews. */
  name: string;
  /** Its kind, as in the prompt: TC. */
  kind: string;
  /** Ends in a line feed. Null if the prompt has neither instruction nor options (COPA). */
  instruction: string | null;
  /** In the order of the prompt; empty if answers are free. */
  labels: readonly string[];
  /** The form of its answers; labels by default. */
  form?: TaskForm | undefined;
  /** The score that counts for it, if not the first of its form. */
  score?: Score | undefined;
  /** The text around an example in the prompt of a task with free answers. */
  frame?: PromptFrame | undefined;
}

/** A dataset to learn, from the benchmark or the user. */
export interface Task extends TaskDefinition {
  train: readonly Example[];
  dev: readonly Example[];
  test: readonly Example[];
}

/** A name that is valid in a prompt, in a file name and as a key: of a custom task, or of a kind. */
export const NameSchema = v.pipe(
  v.string(),
  v.regex(
    /^[\p{L}\p{N}](?:[\p{L}\p{N}_-]|[ .](?=[\p{L}\p{N}]))*$/u,
    'Use letters and digits, with - _ . or a space between them',
  ),
  v.maxLength(40, 'Use at most 40 characters'),
  v.check((name) => !(name in {}), 'Choose another name'),
);

/** A labelled example has two parts, as in earlier versions. */
const partsOf = ({ sentence, label, others, turns }: Example): unknown[] =>
  others === undefined && turns === undefined ? [sentence, label] : [sentence, label, others ?? [], turns ?? []];

/** Examples hashed at once. */
const AT_ONCE = 1000;

/** Identifies the content of a task, whatever its name: SHA-256 of its kind, question, labels and all its examples. */
export async function taskHash({ kind, instruction, labels, form, frame, train, dev, test }: Task): Promise<string> {
  const hash = await Sha256.begin();
  const add = (value: unknown): void => hash.update(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  add(form === undefined || form === 'labels' ? [kind, instruction, labels] : [kind, instruction, form, frame ?? null]);
  for (const examples of [train, dev, test]) {
    add(examples.length);
    for (let at = 0; at < examples.length; at += AT_ONCE) {
      add(examples.slice(at, at + AT_ONCE).map(partsOf));
    }
  }
  return hash.digest();
}
