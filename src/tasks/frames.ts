/** The text before and after the sentence in a task's prompt. */
export interface PromptFrame {
  before: string;
  after: string;
}

/**
 * What surrounds the text in the prompt of a task with free answers:
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
