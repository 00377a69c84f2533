import type { ErrorReport } from '../base/errors.ts';
import type { RunEvent } from '../run/events.ts';
import type { OrderFile } from '../run/order-file.ts';
import type { RunSettings } from '../run/settings.ts';
import type { TaskSpec } from '../tasks/own-task.ts';
import type { ChosenColumns, Sight } from '../tasks/sight.ts';
import type { ModelProgress } from '../weights/remote-folder.ts';
import type { ModelAccess } from '../weights/source.ts';
import type { StoredModel, Verdict, VerifyProgress } from '../weights/stored-models.ts';

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
  | { type: 'start'; settings: RunSettings; access: ModelAccess; tasks: PageTasks; rounds: RoundsChoice }
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
  | { type: 'verify'; folder: string; access: ModelAccess }
  | { type: 'remove'; folder: string };

/** What that worker tells the page. `stored` follows everything that may have changed the store. */
export type ModelsEvent =
  | { type: 'stored'; models: StoredModel[]; usageBytes: number | null; quotaBytes: number | null }
  | { type: 'fetching'; model: string; progress: ModelProgress }
  | { type: 'fetched'; model: string }
  | { type: 'broken-off'; model: string }
  | { type: 'verifying'; folder: string; progress: VerifyProgress }
  | { type: 'verified'; folder: string; verdict: Verdict }
  | { type: 'failed'; error: ErrorReport };

/** What is kept of a run's rounds, and whether it goes on from the last one that is. */
export interface RoundsChoice {
  /** Whether the weights of every round are kept, and not only those of the last. */
  everyRound: boolean;
  goesOn: boolean;
}

/** A round whose files are kept. */
export interface KeptRound {
  /** `1-gloss`. */
  name: string;
  bytes: number;
  /** Whether its adapter, weights and spaces are kept, and not its result files only. */
  hasWeights: boolean;
}

/** A file of the kept rounds, by its path below them: `logs_and_outputs/order_1/outputs/1-dbpedia/round.json`. */
export interface KeptFile {
  path: string;
  file: File;
}

/** What the page may ask of the worker that writes files. `to` is where; null is the browser's downloads. */
export type ExportsCommand =
  | { type: 'list' }
  | { type: 'import'; files: KeptFile[] }
  | { type: 'zip'; name: string; to: FileSystemFileHandle | null }
  | { type: 'merge'; name: string; to: FileSystemFileHandle | null; access: ModelAccess };

/** What that worker tells the page. `kept` ends every command that went well. */
export type ExportsEvent =
  | { type: 'kept'; rounds: KeptRound[]; last: { round: number; settings: RunSettings } | null }
  | { type: 'writing'; bytes: number }
  | { type: 'written'; name: string; file: File | null }
  | { type: 'failed'; error: ErrorReport };

/** A file and its name; a Blob is passed on, not copied. */
export interface NamedFile {
  name: string;
  file: Blob;
}

/** A task made from a file, as the page keeps it: its texts are in a Blob, as JSON. */
export interface KeptTask {
  spec: TaskSpec;
  labels: string[];
  trainExamples: number;
  testExamples: number;
  /** What to look at, in sentences. */
  warnings: string[];
  data: Blob;
}

/** The file of examples whose columns are being chosen. */
export interface OpenedFile {
  name: string;
  /** Of its bytes, in hexadecimal digits. */
  sha256: string;
  /** Whether its format names the columns, so that the first row does not. */
  namesColumns: boolean;
  /** With the first row as names, and the columns that are likely to be meant. */
  sight: Sight;
}

/** What the page may ask of the worker that reads files of examples. Each command has one answer, in their order. */
export type TablesCommand =
  | { type: 'open'; file: NamedFile }
  /** `columns` null: those that are likely to be meant. */
  | { type: 'look'; header: boolean; columns: ChosenColumns | null }
  | { type: 'make'; spec: TaskSpec }
  | { type: 'make-order'; order: OrderFile; kept: TaskSpec[]; files: NamedFile[] };

/** What that worker answers. */
export type TablesAnswer =
  | { type: 'opened'; file: OpenedFile }
  | { type: 'seen'; sight: Sight }
  | { type: 'made'; tasks: KeptTask[] }
  | { type: 'failed'; error: ErrorReport };
