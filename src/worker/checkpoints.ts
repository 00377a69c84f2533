import { reportOf } from '../base/errors.ts';
import { dropCheckpoints, findCheckpoint } from './kept-checkpoints.ts';
import type { CheckpointsAnswer, CheckpointsCommand } from './protocol.ts';

// The worker that manages checkpoints of ended or interrupted runs. It answers once.
declare const self: DedicatedWorkerGlobalScope;

self.onmessage = ({ data }: MessageEvent<CheckpointsCommand>) => {
  answer(data).then(
    (message) => self.postMessage(message),
    (thrown: unknown) => self.postMessage({ type: 'failed', error: reportOf(thrown) } satisfies CheckpointsAnswer),
  );
};

async function answer(command: CheckpointsCommand): Promise<CheckpointsAnswer> {
  if (command.type === 'drop') await dropCheckpoints(command.folder);
  return { type: 'found', checkpoint: await findCheckpoint() };
}
