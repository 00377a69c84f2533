import type { RunActions } from './run-manager.ts';
import { isActive } from './run-state.ts';
import type { PageStore } from './store.ts';

/** Locks that keep the screen on; browsers grant them only to visible pages. */
interface WakeLocks {
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

// Minimum number of steps while visible, and minimum milliseconds while hidden, before a verdict.
const STEPS_IN_SIGHT = 5;
const ENOUGH_HIDDEN = 10_000;
/** The browser counts as slowing the page once steps take this many times as long. */
const SLOW = 2.5;

/**
 * Detects whether the browser slows a run while its tab is hidden, by comparing the time between step reports while
 * hidden and while visible. Times in milliseconds.
 */
export class SlowdownWatch {
  #isHidden = false;
  #last: number | undefined;
  #seen = { steps: 0, time: 0 };
  #hidden = { steps: 0, time: 0 };

  /** Call when the visibility changes. */
  hide(isHidden: boolean): void {
    if (this.#isHidden === isHidden) return;
    this.#isHidden = isHidden;
    // The next report mixes steps from before and after hiding, so its time must not count.
    if (isHidden) {
      this.#hidden = { steps: 0, time: 0 };
      this.#last = undefined;
    }
  }

  /** Forgets when the last report came: after a pause, a test, or a change in the duration of steps. */
  rest(): void {
    this.#last = undefined;
    this.#hidden = { steps: 0, time: 0 };
  }

  /** Starts the comparison again: a new task has texts of other lengths. */
  startRound(): void {
    this.rest();
    this.#seen = { steps: 0, time: 0 };
  }

  /** @returns how many times as long steps take while hidden; null if unknown or below {@link SLOW}. */
  report(steps: number, now: number): number | null {
    const last = this.#last;
    this.#last = now;
    if (last === undefined) return null;
    const into = this.#isHidden ? this.#hidden : this.#seen;
    into.steps += steps;
    into.time += now - last;
    if (this.#hidden.time < ENOUGH_HIDDEN || this.#seen.steps < STEPS_IN_SIGHT) return null;
    const times = this.#hidden.time / this.#hidden.steps / (this.#seen.time / this.#seen.steps);
    return times >= SLOW ? times : null;
  }
}

/** Stores how many times as long steps take while the tab is hidden. @param now a clock in milliseconds. */
export function watchSlowdown(store: PageStore, page: Visibility, now: () => number): void {
  const watch = new SlowdownWatch();
  page.addEventListener('visibilitychange', () => watch.hide(page.visibilityState === 'hidden'));
  store.subscribe(({ run }, { run: before }) => {
    if (run.status === 'starting' && before.status !== 'starting') store.setState({ slowdown: null });
    if (run.status !== before.status) watch.rest();
    const [curves, known] = [run.results?.curves, before.results?.curves];
    const added = (curves?.step.length ?? 0) - (known?.step.length ?? 0);
    if (curves === known || added <= 0) return;
    if (curves?.round.at(-1) !== known?.round.at(-1)) watch.startRound();
    const slowdown = watch.report(added, now());
    if (slowdown !== null) store.setState({ slowdown });
  });
}

/** Saves the run when the page is hidden, since it may never be shown again and a closing page has no time to save. */
export const saveWhenHidden = (page: Pick<RunActions, 'saveNow'>, document: Visibility): void =>
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') page.saveNow();
  });
