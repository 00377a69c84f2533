import {
  type CheckpointsAnswer,
  CheckpointsAnswerSchema,
  type CheckpointsCommand,
  type KeptCheckpoint,
} from '../../worker/protocol.ts';
import { connectWorker } from '../worker-client.ts';

/** Requests the stored checkpoint of an unfinished run; null if there is none or storage is blocked. Never fails. */
export type AskForCheckpoints = (command: CheckpointsCommand) => Promise<KeptCheckpoint | null>;

/** Asks a worker that lives for this one request. */
export const askCheckpointsWorker: AskForCheckpoints = (command) =>
  new Promise((resolve) => {
    const { send, close } = connectWorker<CheckpointsCommand, CheckpointsAnswer>(
      () =>
        new Worker(new URL('../../worker/checkpoints.ts', import.meta.url), { type: 'module', name: 'checkpoints' }),
      CheckpointsAnswerSchema,
      {
        name: 'The checkpoint worker',
        nextStep: 'Reload the page, or start a run anyway.',
        onMessage: (answer) => {
          close();
          // Without storage there is nothing to resume, and the page works without it.
          resolve(answer.type === 'found' ? answer.checkpoint : null);
        },
        onFault: () => resolve(null),
      },
    );
    send(command);
  });
