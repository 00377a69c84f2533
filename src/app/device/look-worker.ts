import { type LookAnswer, LookAnswerSchema, type LookCommand } from '../../worker/protocol.ts';
import { connectWorker } from '../worker-client.ts';

/** Asks what a run would compute on; answers come one after another. Returns what gives the question up. */
export type AskForDevice = (command: LookCommand, onAnswer: (answer: LookAnswer) => void) => () => void;

/** Asks a training worker, which lives for this one question. */
export const askLookWorker: AskForDevice = (command, onAnswer) => {
  const { send, close } = connectWorker<LookCommand, LookAnswer>(
    () => new Worker(new URL('../../worker/main.ts', import.meta.url), { type: 'module', name: 'look' }),
    LookAnswerSchema,
    {
      name: 'The worker that looks for the device',
      nextStep: 'Reload the page. A run can be started all the same.',
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
