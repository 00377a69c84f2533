import { versionText } from '../base/version.ts';
import { serve } from '../base/worker-calls.ts';
import { dropCheckpoints, findCheckpoints } from './saved-checkpoints.ts';
import type { CheckpointsFunctions } from './protocol.ts';

// The worker that manages checkpoints of ended or interrupted runs.
declare const self: DedicatedWorkerGlobalScope;

const functions: CheckpointsFunctions = {
  find: findCheckpoints,
  drop: async ({ folder }) => {
    await dropCheckpoints(folder);
    return findCheckpoints();
  },
};
serve(self, versionText(), functions);
