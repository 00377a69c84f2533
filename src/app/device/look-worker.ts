import { type LookAnswer, LookAnswerSchema, type LookCommand } from '../../worker/protocol.ts';
import { connectWorker } from '../worker-client.ts';

/** Requests the device that a run would use, then its speed. Returns a function that cancels the request. */
export type AskForDevice = (command: LookCommand, onAnswer: (answer: LookAnswer) => void) => () => void;

/** Asks a training worker that lives for this one request. */
export const askLookWorker: AskForDevice = (command, onAnswer) => {
  const { send, close } = connectWorker<LookCommand, LookAnswer>(
    () => new Worker(new URL('../../worker/main.ts', import.meta.url), { type: 'module', name: 'look' }),
    LookAnswerSchema,
    {
      name: 'The worker that detects the device',
      nextStep: 'Reload the page, or start a run anyway.',
      onMessage: (answer) => {
        if (answer.type !== 'device') close();
        onAnswer(answer);
      },
      onFault: (error) => onAnswer({ type: 'no-device', error }),
    },
  );
  send(command);
  return close;
};
