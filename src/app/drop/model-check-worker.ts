import type { AheadFunctions } from '../../worker/protocol.ts';
import { callOnce } from '../worker-client.ts';
import type { AskForModelCheck } from './take-files.ts';

/** Asks a worker that lives for this one request. */
export const askModelCheckWorker: AskForModelCheck = (command) =>
  new Promise((resolve) => {
    callOnce<AheadFunctions, 'check'>(
      () => new Worker(new URL('../../worker/ahead.ts', import.meta.url), { type: 'module', name: 'model-check' }),
      { name: 'The worker that checks a model’s files', nextStep: 'Reload the page, and choose the files again.' },
      'check',
      command,
      resolve,
      resolve,
    );
  });
