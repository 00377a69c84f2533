import type { BrowserContext } from '@playwright/test';
import type { FromWorker } from '../../src/base/worker-calls.ts';
import type { RunEvent } from '../../src/run/events/events.ts';

/** The training worker's report of its place. */
export type Report = Pick<Extract<RunEvent, { type: 'progress' }>, 'phase' | 'round' | 'item' | 'done'>;

/** Who hears the training worker. */
export interface RunWatch {
  reports(report: Report): void;
  /** The run resumes after the loss of its device. */
  recovers(): void;
}

/** Tells at once what the training workers of a browser's pages say. Call it before a page is opened. */
export async function watchRuns(context: BrowserContext, watch: RunWatch): Promise<void> {
  await context.exposeBinding('stormHears', (_, report: Report | null) => {
    if (report === null) watch.recovers();
    else watch.reports(report);
  });
  await context.addInitScript(tell);
}

/** Runs in the page, before its own scripts. */
function tell(): void {
  globalThis.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      // The binding of watchRuns.
      const { stormHears } = globalThis as unknown as { stormHears: (report: Report | null) => void };
      this.addEventListener('message', ({ data }: MessageEvent<FromWorker<RunEvent> | 'ready'>) => {
        if (data === 'ready' || !('event' in data)) return;
        const { event } = data;
        if (event.type === 'recovering') stormHears(null);
        else if (event.type === 'progress') {
          const { phase, round, item, done } = event;
          stormHears({ phase, round, item, done });
        }
      });
    }
  };
}
