import { type PreviewAnswer, PreviewAnswerSchema, type PreviewCommand } from '../../worker/protocol.ts';
import { connectWorker } from '../worker-client.ts';

/** Asks what the model would read first; the answer comes once. Returns what gives the question up. */
export type AskForPreview = (command: PreviewCommand, onAnswer: (answer: PreviewAnswer) => void) => () => void;

/** Asks a training worker, which lives for this one question: an example that is out of date ends with it. */
export const askPreviewWorker: AskForPreview = (command, onAnswer) => {
  const { send, close } = connectWorker<PreviewCommand, PreviewAnswer>(
    () => new Worker(new URL('../../worker/main.ts', import.meta.url), { type: 'module', name: 'preview' }),
    PreviewAnswerSchema,
    {
      name: 'The worker that reads an example',
      nextStep: 'Reload the page. A run can be started without it, and shows what the model reads.',
      onMessage: (answer) => {
        close();
        onAnswer(answer);
      },
      onFault: (error) => onAnswer({ type: 'no-preview', error }),
    },
  );
  send(command);
  return close;
};
