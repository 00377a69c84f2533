import {
  type CheckpointsAnswer,
  CheckpointsAnswerSchema,
  type CheckpointsCommand,
  type KeptCheckpoint,
} from '../../worker/protocol.ts';
import { connectWorker } from '../worker-client.ts';

/** Asks what this browser keeps of a run in the middle; null where that is nothing, or nothing can be kept. Never fails. */
export type AskForCheckpoints = (command: CheckpointsCommand) => Promise<KeptCheckpoint | null>;

/** Asks a worker that lives for this one question. */
export const askCheckpointsWorker: AskForCheckpoints = (command) =>
  new Promise((resolve) => {
    const { send, close } = connectWorker<CheckpointsCommand, CheckpointsAnswer>(
      () =>
        new Worker(new URL('../../worker/checkpoints.ts', import.meta.url), { type: 'module', name: 'checkpoints' }),
      CheckpointsAnswerSchema,
      {
        name: 'The worker that looks after checkpoints',
        nextStep: 'Reload the page. A run can be started without them.',
        onMessage: (answer) => {
          close();
          // A browser that keeps nothing has nothing to go on with, and a page without it is as good as ever.
          resolve(answer.type === 'found' ? answer.checkpoint : null);
        },
        onFault: () => resolve(null),
      },
    );
    send(command);
  });
