import type { Page } from '@playwright/test';
import type { FromWorker } from '../../src/base/worker-calls.ts';
import type { RunEvent } from '../../src/run/events/events.ts';
import type { ThreadRequest } from '../../src/worker/protocol.ts';

/** The records of a page under test. */
interface Probe {
  /** The events of the training workers, in order. */
  events: RunEvent[];
  /** Frames that the page had drawn at each of them. */
  frames: number[];
}

/** Watches every page that is loaded from now on: what its workers send, and how often it draws. */
export async function installProbe(page: Page): Promise<void> {
  await page.addInitScript(install);
}

/** Runs in the page, before its own scripts. */
function install(): void {
  const probe: Probe = { events: [], frames: [] };
  let frames = 0;
  Object.assign(globalThis, { probe });
  globalThis.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      // Threads of the CPU device send no events; versions, results and requests for a thread are not events.
      this.addEventListener('message', ({ data }: MessageEvent<FromWorker<RunEvent> | ThreadRequest | 'ready'>) => {
        if (data === 'ready' || !('event' in data)) return;
        probe.events.push(data.event);
        probe.frames.push(frames);
      });
    }
  };
  const frame = (): void => {
    frames++;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** Events of the workers since the page was loaded. */
export const workerEvents = (page: Page): Promise<RunEvent[]> =>
  // `install` has added this property.
  page.evaluate(() => (globalThis as unknown as { probe: Probe }).probe.events);

/** Frames that the page had drawn at each of {@link workerEvents}. */
export const framesAtEvents = (page: Page): Promise<number[]> =>
  page.evaluate(() => (globalThis as unknown as { probe: Probe }).probe.frames);

/** An event of Chromium's traces about threads and their tasks; times in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Time from its begin to its end, and on the processor. */
  readonly dur?: number;
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/**
 * The longest task of the page's own thread while `work` is done, in milliseconds: that of the most processor time, with
 * this time and the time from its begin to its end, which also counts what other programs took meanwhile.
 */
export async function longestTask(page: Page, work: () => Promise<void>): Promise<{ cpu: number; whole: number }> {
  const browser = page.context().browser();
  if (browser === null) throw new Error('A browser that keeps its profile cannot be traced.');
  await browser.startTracing(page, { categories: ['toplevel'] });
  await work();
  // A task ends after what it answers, and one that has not ended is in no trace; another task begins only then.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const pages = new Set(
    traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(threadOf),
  );
  const longest = { cpu: 0, whole: 0 };
  for (const event of traceEvents) {
    const { ph, dur = 0, tdur = 0 } = event;
    if (ph !== 'X' || tdur / 1000 <= longest.cpu || !pages.has(threadOf(event))) continue;
    [longest.cpu, longest.whole] = [tdur / 1000, dur / 1000];
  }
  return longest;
}
