import type { DeviceChoice, DeviceReason } from '../base/device-choice.ts';
import type { ErrorReport } from '../base/errors.ts';
import type { OnnxDtype } from '../onnx/dtypes.ts';
import type { RunEvent } from '../run/events.ts';
import type { Effort, Speed } from '../run/duration.ts';
import type { RoundUse } from '../run/outputs/round-use.ts';
import type { MemoryPlan } from '../run/memory-plan.ts';
import type { RunSettings } from '../run/settings.ts';
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
  | {
      type: 'start';
      settings: RunSettings;
      access: ModelAccess;
      tasks: PageTasks;
      rounds: RoundsChoice;
      device: DeviceChoice;
      /** Bytes of memory that the run may take; null where the person has not said. */
      memoryBudget: number | null;
      /** Share of the time that a graphics card may be kept busy, above 0 and at most 1. */
      gpuShare: number;
    }
  | { type: 'pause' }
  | { type: 'resume' }
  | { type: 'stop' };

/** What the page may ask a training worker instead of a run: how much memory a run with these settings would take. */
export interface PlanCommand {
  type: 'plan';
  settings: RunSettings;
  device: DeviceChoice;
  /** Without token where `mayAsk` is false. */
  access: ModelAccess;
  /** Whether the person has asked to look the model up, so that a hub or another server may be asked for its config. */
  mayAsk: boolean;
  /** Labels of each task of the order, empty where the page does not know them. */
  labels: string[][];
  /** The model's config.json from an earlier answer, so that it need not be fetched again; null where there is none. */
  config: unknown;
}

/** The answer, which is the only message. */
export type PlanAnswer =
  | { type: 'planned'; plan: MemoryPlan; effort: Effort; config: unknown }
  /** The config is not here, and no server may be asked for it yet. */
  | { type: 'unknown-model' }
  /** The device cannot hold it, or the config cannot be had or used. */
  | { type: 'unplanned'; error: ErrorReport };

/** What the page may ask a training worker instead of a run: what it would compute on, and how fast that is. */
export interface LookCommand {
  type: 'look';
  device: DeviceChoice;
}

/** Why a page computes with one thread: it is not isolated from other pages, or there is one core, or no worker starts. */
export type SingleThreadReason = 'not-isolated' | 'one-core' | 'no-worker';

/** What a run would compute on. */
export interface DeviceOutlook {
  kind: 'webgpu' | 'wasm';
  why: DeviceReason;
  name: string;
  /** True where a graphics adapter computes on the CPU. */
  isSoftwareAdapter: boolean;
  /** On the CPU; null on WebGPU. */
  threads: number | null;
  /** Null where there are several threads, and on WebGPU. */
  singleThread: SingleThreadReason | null;
  /** Largest buffer. */
  bufferBytes: number;
}

/** The answers: the device, then its speed; or why there is none. */
export type LookAnswer =
  | { type: 'device'; outlook: DeviceOutlook }
  | { type: 'speed'; speed: Speed }
  | { type: 'no-device'; error: ErrorReport };

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

/** The last round whose weights are kept. */
export interface LastRound {
  round: number;
  /** Of its run. */
  settings: RunSettings;
  use: RoundUse;
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
  | { type: 'merge'; name: string; to: FileSystemFileHandle | null; access: ModelAccess }
  | { type: 'onnx'; name: string; to: FileSystemFileHandle | null; access: ModelAccess; dtype: OnnxDtype };

/** What that worker tells the page. `kept` ends every command that went well. */
export type ExportsEvent =
  | {
      type: 'kept';
      rounds: KeptRound[];
      last: LastRound | null;
      /** Rounds behind the last whose files cannot be used. */
      broken: string[];
    }
  | { type: 'writing'; bytes: number }
  | { type: 'written'; name: string; file: File | null }
  | { type: 'failed'; error: ErrorReport };

// Reading files of examples, in a worker of its own.
export type { KeptTask, NamedFile, OpenedFile, TablesAnswer, TablesCommand } from '../run/table-work.ts';
