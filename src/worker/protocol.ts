import type { RunEvent } from '../run/events.ts';
import type { RunSettings } from '../run/settings.ts';

/** What the page may ask of the training worker. */
export type WorkerCommand =
  { type: 'start'; settings: RunSettings } | { type: 'pause' } | { type: 'resume' } | { type: 'stop' };

/** What the worker tells the page: the events of the run, as they come. */
export type WorkerEvent = RunEvent;
