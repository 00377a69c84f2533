import { isActive } from '../run-state.ts';
import type { PageStore } from '../store.ts';

/** What keeps a screen on; browsers give it to pages in sight only. */
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
 * Keeps the screen on while a run goes on, unless the person does not want it. The browser takes the lock away when the
 * page goes out of sight, so it is asked for again when the page comes back.
 *
 * @param locks undefined where the browser has none: screens go off as they are set to.
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
    if (isAsking) return; // it looks again when it has its answer
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
      return; // a battery that is low, for instance: the run goes on with a dark screen
    } finally {
      isAsking = false;
    }
    if (!isWanted()) await update();
  };
  store.subscribe(() => void update());
  page.addEventListener('visibilitychange', () => void update());
}
