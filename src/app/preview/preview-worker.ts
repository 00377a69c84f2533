import { GorpError, reportOf } from '../../base/errors.ts';
import type { AheadFunctions, PreviewAnswer, PreviewCommand } from '../../worker/protocol.ts';
import { callOnce } from '../worker-client.ts';

/** Time limit for reading an example: a tokenizer from an untrusted file may never finish. */
const SECONDS = 30;

/** Requests the first example, answered once. Returns a function that cancels the request. */
export type AskForPreview = (command: PreviewCommand, onAnswer: (answer: PreviewAnswer) => void) => () => void;

/** Asks a worker that lives for this one request. */
export const askPreviewWorker: AskForPreview = (command, onAnswer) => {
  const done = (answer: PreviewAnswer): void => {
    clearTimeout(timer);
    onAnswer(answer);
  };
  const end = callOnce<AheadFunctions, 'preview'>(
    () => new Worker(new URL('../../worker/ahead.ts', import.meta.url), { type: 'module', name: 'preview' }),
    {
      name: 'The worker that reads an example',
      nextStep: 'Reload the page, or start a run, which also shows what the model reads.',
    },
    'preview',
    command,
    done,
    (error) => done({ type: 'no-preview', error }),
  );
  const cancel = (): void => {
    clearTimeout(timer);
    end();
  };
  const timer = setTimeout(() => {
    cancel();
    onAnswer({ type: 'no-preview', error: reportOf(tooSlow(command.settings.model)) });
  }, 1000 * SECONDS);
  return cancel;
};

const tooSlow = (model: string): GorpError =>
  new GorpError(
    'worker/too-slow',
    `Reading the example took over ${SECONDS} seconds: a server did not answer, or the tokenizer of ${model} is too slow.`,
    "Try again, or use the tokenizer.json published with the model's weights.",
  );
