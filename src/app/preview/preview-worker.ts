import { GorpError, reportOf } from '../../base/errors.ts';
import { type PreviewAnswer, PreviewAnswerSchema, type PreviewCommand } from '../../worker/protocol.ts';
import { connectWorker } from '../worker-client.ts';

/** Time limit for reading an example: a tokenizer from an untrusted file may never finish. */
const SECONDS = 30;

/** Requests the first example, answered once. Returns a function that cancels the request. */
export type AskForPreview = (command: PreviewCommand, onAnswer: (answer: PreviewAnswer) => void) => () => void;

/** Asks a training worker that lives for this one request: canceling an outdated example ends the worker. */
export const askPreviewWorker: AskForPreview = (command, onAnswer) => {
  const client = connectWorker<PreviewCommand, PreviewAnswer>(
    () => new Worker(new URL('../../worker/main.ts', import.meta.url), { type: 'module', name: 'preview' }),
    PreviewAnswerSchema,
    {
      name: 'The worker that reads an example',
      nextStep: 'Reload the page, or start a run, which also shows what the model reads.',
      onMessage: (answer) => {
        close();
        onAnswer(answer);
      },
      onFault: (error) => {
        close();
        onAnswer({ type: 'no-preview', error });
      },
    },
  );
  const close = (): void => {
    clearTimeout(timer);
    client.close();
  };
  const timer = setTimeout(() => {
    close();
    onAnswer({ type: 'no-preview', error: reportOf(tooSlow(command.settings.model)) });
  }, 1000 * SECONDS);
  client.send(command);
  return close;
};

const tooSlow = (model: string): GorpError =>
  new GorpError(
    'worker/too-slow',
    `Reading the example took over ${SECONDS} seconds: a server did not answer, or the tokenizer of ${model} is too slow.`,
    "Try again, or use the tokenizer.json published with the model's weights.",
  );
