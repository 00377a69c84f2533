import { versionText } from '../base/version.ts';
import { inTurn, serve } from '../base/worker-calls.ts';
import { createTableWork } from '../run/tasks/table-work.ts';

// The worker that reads files of examples: 50 MB take seconds, while the page must stay responsive.
declare const self: DedicatedWorkerGlobalScope;

const turn = inTurn();
const { open, openFolder, listHub, openHub, preview, make, makeOrder } = createTableWork();
serve(self, versionText(), {
  open: turn(open),
  openFolder: turn(openFolder),
  listHub: turn(listHub),
  openHub: turn(openHub),
  preview: turn(preview),
  make: turn(make),
  makeOrder: turn(makeOrder),
});
