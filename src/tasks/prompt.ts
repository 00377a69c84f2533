import type { Task } from './task.ts';

type Prompted = Pick<Task, 'name' | 'kind' | 'instruction' | 'labels'>;

/** What stands before and after the sentence in a task's prompt. */
export interface PromptFrame {
  before: string;
  after: string;
}

/** The task's prompt without a sentence: METHOD.md section 5, as every script of the released code builds it. */
export function promptFrame(task: Prompted): PromptFrame {
  const names = `Task:${task.kind}\nDataset:${task.name}\n`;
  const question = task.instruction === null ? '' : `${task.instruction}Option: ${task.labels.join(', ')} \n`;
  return { before: names + question, after: '\nAnswer:' };
}

/** The whole prompt that asks for a sentence's label. */
export function promptOf(task: Prompted, sentence: string): string {
  const { before, after } = promptFrame(task);
  return before + sentence + after;
}
