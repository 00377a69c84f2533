import type { Page } from '@playwright/test';
import type { FromWorker } from '../../src/base/worker-calls.ts';
import type { RunEvent } from '../../src/run/events/events.ts';
import type { ThreadRequest } from '../../src/worker/protocol.ts';

/** What a page under test records. */
interface Probe {
  /** What the training workers sent, in order. */
  events: RunEvent[];
  /** Frames that the page had drawn at each of them. */
  frames: number[];
  /** Longest time between two turns of a timer and between two frames, in milliseconds. */
  longestGap: number;
}

/** Watches every page that is loaded from now on: what its workers send, and whether it hangs. */
export async function installProbe(page: Page): Promise<void> {
  await page.addInitScript(install);
}

/** Runs in the page, before its own scripts. */
function install(): void {
  const probe: Probe = { events: [], frames: [], longestGap: 0 };
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
  const clock = (): (() => void) => {
    let last = performance.now();
    return () => {
      const now = performance.now();
      probe.longestGap = Math.max(probe.longestGap, now - last);
      last = now;
    };
  };
  setInterval(clock(), 20);
  const tick = clock();
  const frame = (): void => {
    frames++;
    tick();
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

/** The longest time that the page hung since the last call, in milliseconds. */
export const longestGap = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const { probe } = globalThis as unknown as { probe: Probe };
    const gap = probe.longestGap;
    probe.longestGap = 0;
    return gap;
  });
