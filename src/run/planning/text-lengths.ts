import type { ErrorReport } from '../../base/errors.ts';
import { SOURCE_BUCKET } from '../../tasks/batches.ts';

/** How many tokens the texts of a task take. */
export interface TaskLengths {
  readonly name: string;
  /** Texts that a run would read for training and tests, and those of them that were counted. */
  readonly texts: number;
  readonly counted: number;
  /** Counted texts that the prompt length cuts. */
  readonly cut: number;
  /** Tokens of the longest counted prompt; null if it takes more than {@link LONGEST}. */
  readonly longest: number | null;
  /** Tokens of the prompt around a text: no prompt is shorter. */
  readonly question: number;
  /** Tokens of the longest label or counted answer, with its end. */
  readonly answer: number;
  /** Counted answers that the answer length cuts. Labels are never cut. */
  readonly shortened: number;
}

/** The lengths of a run's texts before it starts. */
export interface TextLengths {
  /** Of every task with prompts, or why it cannot be learned. Plain texts are read in windows, so nothing is cut. */
  readonly tasks: readonly (TaskLengths | { readonly name: string; readonly error: ErrorReport })[];
  /** Whether the model has a chat template that fits its tokenizer. */
  readonly hasTemplate: boolean;
  /** Maximum number of tokens that the model can read; null if it names none. */
  readonly positions: number | null;
}

/** The longest prompts that are counted to their end, in tokens. */
export const LONGEST = 4096;

/** The shortest prompt length, in steps of 16, that cuts no counted text; null if a text is too long to be counted. */
export function enoughFor({ tasks, positions }: TextLengths): number | null {
  const counted = tasks.flatMap((task) => ('error' in task ? [] : [task]));
  if (counted.length === 0 || counted.some(({ longest }) => longest === null)) return null;
  const longest = Math.max(...counted.map((task) => task.longest ?? 0));
  const answer = Math.max(...counted.map((task) => task.answer));
  const needed = Math.max(SOURCE_BUCKET, Math.ceil(longest / SOURCE_BUCKET) * SOURCE_BUCKET);
  return positions === null ? needed : Math.min(needed, positions - answer);
}
