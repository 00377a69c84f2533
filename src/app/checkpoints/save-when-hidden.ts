import type { Visibility } from '../awake/wake-lock.ts';
import type { RunActions } from '../run-control.ts';

/** Saves the run when the page is hidden: it may never be seen again. A page that is being closed has no time for it. */
export const saveWhenHidden = (page: Pick<RunActions, 'saveNow'>, document: Visibility): void =>
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') page.saveNow();
  });
