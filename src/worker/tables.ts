import { reportOf } from '../base/errors.ts';
import type { TablesAnswer, TablesCommand } from '../run/table-messages.ts';
import { createTableWork } from '../run/table-work.ts';

// The worker that reads files of examples: one of 50 MB takes seconds, in which the page must stay quick.
declare const self: DedicatedWorkerGlobalScope;

const work = createTableWork();
/** Every command is answered, in their order. */
let last: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<TablesCommand>) => {
  last = last
    .then(() => work(data))
    .catch((thrown: unknown): TablesAnswer => ({ type: 'failed', error: reportOf(thrown) }))
    .then((answer) => self.postMessage(answer));
};
