import type { Visibility } from '../awake/wake-lock.ts';
import type { Page } from '../page.ts';

/** Saves the run when the page is hidden: it may never be seen again. A page that is being closed has no time for it. */
export const saveWhenHidden = (page: Pick<Page, 'saveNow'>, document: Visibility): void =>
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') page.saveNow();
  });
