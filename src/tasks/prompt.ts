import type { PromptFrame, Task } from './task.ts';

/** How a model receives a prompt: as plain text, or as a user message in its chat template. */
export const PROMPT_FORMS = ['raw', 'chat'] as const;
export type PromptForm = (typeof PROMPT_FORMS)[number];

/**
 * The text around an example in the prompt of a task with free answers:
 *
 * - `answer`: the question before it, `Answer:` after it.
 * - `bare`: the question before it, nothing after it, since the text is a whole prompt.
 * - `super-ni`: as SuperNI is published, zero-shot.
 */
export const FRAMES = ['answer', 'bare', 'super-ni'] as const;
export type FrameName = (typeof FRAMES)[number];

/** The frame of a prompt. @param question null if there is none. */
export function frameOf(name: FrameName, question: string | null): PromptFrame {
  if (name === 'super-ni') {
    return {
      before: `Definition: ${question?.trim() ?? ''}\n\nNow complete the following example -\nInput: `,
      after: '\nOutput: ',
    };
  }
  return { before: question === null ? '' : `${question}\n`, after: name === 'bare' ? '' : '\nAnswer:' };
}

type Prompted = Pick<Task, 'name' | 'kind' | 'instruction' | 'labels' | 'form' | 'frame'>;

/**
 * The task's prompt without a sentence: with labels as in the released code (docs/method.md, eq. (20)), otherwise its own
 * frame. Conversations and texts have none.
 */
export function promptFrame(task: Prompted): PromptFrame {
  if (task.form !== undefined && task.form !== 'labels') return task.frame ?? { before: '', after: '' };
  const names = `Task:${task.kind}\nDataset:${task.name}\n`;
  return { before: names + questionOf(task), after: '\nAnswer:' };
}

/** The prompt with `{0}` for the sentence and without the task's names: the `instruction` of result files. */
export function instructionTemplate(task: Prompted): string {
  if (task.form === undefined || task.form === 'labels') return `${questionOf(task)}{0}\nAnswer:`;
  const { before, after } = promptFrame(task);
  return `${before}{0}${after}`;
}

/** Recovers the frame of a task with free answers from its {@link instructionTemplate}. */
export function frameIn(template: string): PromptFrame {
  const [before, ...after] = template.split('{0}');
  return { before, after: after.join('{0}') };
}

/** Recovers the instruction of a task from its {@link instructionTemplate}. */
export function instructionOf(template: string, labels: readonly string[]): string | null {
  const rest = instructionTemplate({ name: '', kind: '', instruction: '', labels });
  return template.endsWith(rest) ? template.slice(0, -rest.length) : null;
}

const questionOf = ({ instruction, labels }: Prompted): string =>
  instruction === null ? '' : `${instruction}Option: ${labels.join(', ')} \n`;

/** The full prompt that asks for the label of a sentence. */
export function promptOf(task: Prompted, sentence: string): string {
  const { before, after } = promptFrame(task);
  return before + sentence + after;
}
