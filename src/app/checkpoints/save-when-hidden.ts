import type { Visibility } from '../awake/wake-lock.ts';
import type { RunActions } from '../run-control.ts';

/** Saves the run when the page is hidden, since it may never be shown again and a closing page has no time to save. */
export const saveWhenHidden = (page: Pick<RunActions, 'saveNow'>, document: Visibility): void =>
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') page.saveNow();
  });
