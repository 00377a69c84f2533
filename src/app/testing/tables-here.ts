import { createTableWork } from '../../run/tasks/table-work.ts';
import type { TablesWorker } from '../state/tasks.ts';

/** The tables worker's functions, called without a worker. */
export function tablesHere(): TablesWorker {
  let work = createTableWork();
  return {
    call: async (name, argument) => (await work[name](argument as never)) as never,
    close: () => {
      work = createTableWork();
    },
  };
}
