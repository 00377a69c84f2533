import { reportOf } from '../base/errors.ts';
import type { TablesAnswer, TablesCommand } from '../run/table-messages.ts';
import { createTableWork } from '../run/table-work.ts';

// The worker that reads files of examples: 50 MB take seconds, while the page must stay responsive.
declare const self: DedicatedWorkerGlobalScope;

const work = createTableWork();
/** Answers every command, in order. */
let last: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<TablesCommand>) => {
  last = last
    .then(() => work(data))
    .catch((thrown: unknown): TablesAnswer => ({ type: 'failed', error: reportOf(thrown) }))
    .then((answer) => self.postMessage(answer));
};
