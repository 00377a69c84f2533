import type { CheckpointsCommand, CheckpointsFunctions, FoundCheckpoints } from '../../worker/protocol.ts';
import { callOnce } from '../worker-client.ts';

/** Requests the checkpoints of unfinished runs; none if storage is blocked. Never fails. */
export type AskForCheckpoints = (command: CheckpointsCommand) => Promise<FoundCheckpoints>;

/** Asks a worker that lives for this one request. */
export const askCheckpointsWorker: AskForCheckpoints = (command) =>
  new Promise((resolve) => {
    callOnce<CheckpointsFunctions, CheckpointsCommand['type']>(
      () =>
        new Worker(new URL('../../worker/checkpoints.ts', import.meta.url), { type: 'module', name: 'checkpoints' }),
      { name: 'The checkpoint worker', nextStep: 'Reload the page, or start a run anyway.' },
      command.type,
      command,
      resolve,
      // Without storage there is nothing to resume, and the page works without it.
      () => resolve({ unfinished: [], unread: [] }),
    );
  });
