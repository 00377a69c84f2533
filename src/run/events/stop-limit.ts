import type { RunEvent } from './events.ts';

/**
 * Milliseconds that a run may take to stop. A slower one is ended from outside, with its results so far, unless it is
 * saving something large.
 */
export const STOP_MS = 5000;

/** Whether an event says that the run is saving. */
export const isSaving = (event: RunEvent): boolean =>
  event.type === 'progress' && (event.phase === 'save' || event.phase === 'checkpoint');
