import type { ErrorReport } from '../base/errors.ts';
import type { RunEvent } from '../run/events.ts';
import type { RunSettings } from '../run/settings.ts';
import type { ModelProgress } from '../weights/remote-folder.ts';
import type { ModelAccess } from '../weights/source.ts';
import type { StoredModel, VerifyProgress } from '../weights/stored-models.ts';

/**
 * Texts that the page holds and a run needs, sent along with its start; a Blob is passed on, not copied. Unknown to the
 * results.
 */
export interface PageTasks {
  /** The CL_Benchmark folder that was picked: path below it → file. */
  folder: ReadonlyMap<string, Blob>;
  /** The user's own tasks by name, each as JSON. */
  own: ReadonlyMap<string, Blob>;
}

/** What the page may ask of the training worker. The access goes beside the settings, so that no record of them has it. */
export type WorkerCommand =
  | { type: 'start'; settings: RunSettings; access: ModelAccess; tasks: PageTasks }
  | { type: 'pause' }
  | { type: 'resume' }
  | { type: 'stop' };

/** What the worker tells the page: the events of the run, as they come. */
export type WorkerEvent = RunEvent;

/** What the page may ask of the worker that keeps the models. It does one thing at a time; `break` ends a fetch. */
export type ModelsCommand =
  | { type: 'list' }
  | { type: 'fetch'; model: string; access: ModelAccess }
  | { type: 'break' }
  | { type: 'verify'; folder: string }
  | { type: 'remove'; folder: string };

/** What that worker tells the page. `stored` follows everything that may have changed the store. */
export type ModelsEvent =
  | { type: 'stored'; models: StoredModel[]; usageBytes: number | null; quotaBytes: number | null }
  | { type: 'fetching'; model: string; progress: ModelProgress }
  | { type: 'fetched'; model: string }
  | { type: 'broken-off'; model: string }
  | { type: 'verifying'; folder: string; progress: VerifyProgress }
  | { type: 'verified'; folder: string; damaged: string[] }
  | { type: 'failed'; error: ErrorReport };
