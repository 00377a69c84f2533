import { isActive } from '../run-state.ts';
import type { PageStore } from '../store.ts';

/** Locks that keep the screen on; browsers grant them only to visible pages. */
export interface WakeLocks {
  request(
    type: 'screen',
  ): Promise<{ release(): Promise<void>; addEventListener(type: 'release', heard: () => void): void }>;
}

/** The page's own visibility. */
export interface Visibility {
  readonly visibilityState: DocumentVisibilityState;
  addEventListener(type: 'visibilitychange', heard: () => void): void;
}

/**
 * Keeps the screen on during a run, unless the person turned this off. The browser releases the lock when the page is
 * hidden, so it is requested again when the page is shown.
 *
 * @param locks undefined if the browser has none; the screen then turns off as usual.
 */
export function keepAwake(store: PageStore, locks: WakeLocks | undefined, page: Visibility): void {
  if (locks === undefined) return;
  let held: { release(): Promise<void> } | null = null;
  let isAsking = false;
  const isWanted = (): boolean => {
    const { run, keepAwake: wanted } = store.getState();
    return wanted && isActive(run.status) && run.status !== 'paused' && page.visibilityState === 'visible';
  };
  const update = async (): Promise<void> => {
    if (isAsking) return; // the pending call checks again after the answer
    if (!isWanted()) {
      const lock = held;
      held = null;
      await lock?.release().catch(() => undefined);
      return;
    }
    if (held !== null) return;
    isAsking = true;
    try {
      const lock = await locks.request('screen');
      held = lock;
      lock.addEventListener('release', () => {
        if (held === lock) held = null;
      });
    } catch {
      return; // for example on low battery: the run continues with a dark screen
    } finally {
      isAsking = false;
    }
    if (!isWanted()) await update();
  };
  store.subscribe(() => void update());
  page.addEventListener('visibilitychange', () => void update());
}
