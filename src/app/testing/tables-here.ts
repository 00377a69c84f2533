import { reportOf } from '../../base/errors.ts';
import type { TablesAnswer } from '../../run/table-messages.ts';
import { createTableWork } from '../../run/table-work.ts';
import type { TablesWorker } from '../tasks/table-client.ts';

/** The tables worker's work, done without a worker. */
export function tablesHere(): TablesWorker {
  let work = createTableWork();
  return {
    ask: (command) =>
      work(command).catch((thrown: unknown): TablesAnswer => ({ type: 'failed', error: reportOf(thrown) })),
    close: () => {
      work = createTableWork();
    },
  };
}
