import { GorpError, reportOf } from '../../base/errors.ts';
import { type PreviewAnswer, PreviewAnswerSchema, type PreviewCommand } from '../../worker/protocol.ts';
import { connectWorker } from '../worker-client.ts';

/** Seconds that an example may take; from a file anywhere, a tokenizer may take for ever. */
const SECONDS = 30;

/** Asks what the model would read first; the answer comes once. Returns what gives the question up. */
export type AskForPreview = (command: PreviewCommand, onAnswer: (answer: PreviewAnswer) => void) => () => void;

/** Asks a training worker, which lives for this one question: an example that is out of date ends with it. */
export const askPreviewWorker: AskForPreview = (command, onAnswer) => {
  const client = connectWorker<PreviewCommand, PreviewAnswer>(
    () => new Worker(new URL('../../worker/main.ts', import.meta.url), { type: 'module', name: 'preview' }),
    PreviewAnswerSchema,
    {
      name: 'The worker that reads an example',
      nextStep: 'Reload the page. A run can be started without it, and shows what the model reads.',
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
    `The example could not be read within ${SECONDS} seconds: a server does not answer, or the tokenizer of ${model} takes too long.`,
    "Look at it again, or use the tokenizer.json that was published with the model's weights.",
  );
