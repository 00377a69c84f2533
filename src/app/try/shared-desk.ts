import { createTryDesk } from './try-desk.ts';
import { openTryWorker } from './try-session.ts';

/** The desk of *Try it*, one for the whole page, so that questions and answers survive a change of tab. */
export const tryDesk = createTryDesk(openTryWorker);
