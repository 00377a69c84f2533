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
    const [curves, known] = [run.results?.curves, before.results?.curves];
    const added = (curves?.step.length ?? 0) - (known?.step.length ?? 0);
    if (curves === known || added <= 0) return;
    if (curves?.round.at(-1) !== known?.round.at(-1)) watch.startRound();
    const slowdown = watch.report(added, now());
    if (slowdown !== null) store.setState({ slowdown });
  });
}
