import type { PageStore } from '../store.ts';
import { SlowdownWatch } from './slowdown.ts';
import type { Visibility } from './wake-lock.ts';

/** Stores how many times as long steps take while the tab is hidden. @param now a clock in milliseconds. */
export function watchSlowdown(store: PageStore, page: Visibility, now: () => number): void {
  const watch = new SlowdownWatch();
  page.addEventListener('visibilitychange', () => watch.hide(page.visibilityState === 'hidden'));
  store.subscribe(({ run }, { run: before }) => {
    if (run.status === 'starting' && before.status !== 'starting') store.setState({ slowdown: null });
    if (run.status !== before.status) watch.rest();
    if (run.curve === before.curve || run.curve.length === 0) return;
    if (run.curve.at(-1)?.round !== before.curve.at(-1)?.round) watch.startRound();
    const added = run.curve.slice(before.curve.length).reduce((sum, { steps }) => sum + steps.length, 0);
    const slowdown = watch.report(added, now());
    if (slowdown !== null) store.setState({ slowdown });
  });
}
