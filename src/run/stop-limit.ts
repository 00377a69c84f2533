import type { RunEvent } from './events.ts';

/**
 * Milliseconds that a run may take to heed a stop. One that takes longer is ended from outside, with what was measured,
 * unless it is saving what is large.
 */
export const STOP_MS = 5000;

/** Whether an event tells that the run is saving. */
export const isSaving = (event: RunEvent): boolean =>
  event.type === 'progress' && (event.phase === 'save' || event.phase === 'checkpoint');
