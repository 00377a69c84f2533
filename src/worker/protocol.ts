import type { DeviceChoice, DeviceReason } from '../base/device-choice.ts';
import type { ErrorReport } from '../base/errors.ts';
import type { FunctionsFor } from '../base/worker-calls.ts';
import type { BenchHead, Outcome } from '../bench/report.ts';
import type { ThreadStart } from '../device/wasm/thread.mjs';
import { type GgufDtype, learnedSlug, type SameAnswers } from '../gguf/names.ts';
import type { OnnxDtype } from '../onnx/dtypes.ts';
import type { ModelSummary } from '../run/files/model-line.ts';
import type { RoundUse } from '../run/files/round-use.ts';
import type { Milestone } from '../run/learning/control.ts';
import type { Effort, Speed } from '../run/planning/duration.ts';
import type { MemoryPlan } from '../run/planning/memory-plan.ts';
import type { TextLengths } from '../run/planning/text-lengths.ts';
import type { Results, RunLabel } from '../run/results/results.ts';
import type { RunSettings } from '../run/settings/settings.ts';
import type { ModelModules } from '../run/settings/trained-modules.ts';
import type { Reading } from '../tasks/reading.ts';
import type { GgufFile, ModelProgress, StoredModel, Verdict, VerifyProgress } from '../weights/model-messages.ts';
import type { ModelOutline } from '../weights/model-folder.ts';
import type { ModelAccess } from '../weights/source.ts';

// What the page and its workers say to each other, by src/base/worker-calls.ts. A run tells its events
// (src/run/events/events.ts); src/run/tasks/table-messages.ts has the worker that reads files of examples.

/**
 * Texts that the page holds and a run needs, sent when it starts; a Blob is passed on, not copied. Results do not
 * contain them.
 */
export interface PageTasks {
  /** The CL_Benchmark folder that was picked: path below it → file. */
  folder: ReadonlyMap<string, Blob>;
  /** The user's custom tasks by name, each as JSON. */
  custom: ReadonlyMap<string, Blob>;
}

/** The folder with copies of models that a person gave, in the private file system: `given/NAME/FILE`. */
export const GIVEN = 'given';

/** A worker that computes on the CPU asks the page for another thread. */
export interface ThreadRequest {
  type: 'start-thread';
  /** The thread's first message. */
  start: ThreadStart;
  /** Where the page answers, once. */
  port: MessagePort;
}

/** Null once the thread is ready, otherwise why it could not start. */
export type ThreadAnswer = string | null;

/** Commands to the training worker. Access stays apart from the settings, so that no record of them contains it. */
export type WorkerCommand =
  | {
      type: 'start';
      settings: RunSettings;
      access: ModelAccess;
      tasks: PageTasks;
      teaches: TeachingChoice;
      checkpoints: CheckpointsChoice;
      device: DeviceChoice;
      /** Bytes of memory that the run may take; null if the user set no limit. */
      memoryBudget: number | null;
      /** Share of a graphics card's time that the run may use, above 0 and at most 1. */
      gpuShare: number;
    }
  | { type: 'pause' }
  | { type: 'resume' }
  /** Saves a checkpoint as soon as possible: the page may be about to close. */
  | { type: 'save' }
  /** Continues to the end of the next optimizer step or of the round, and pauses there. */
  | { type: 'go-on-to'; milestone: Milestone }
  /** Names the run, or changes what is written about it. */
  | { type: 'label'; label: RunLabel }
  | { type: 'stop' }
  /** Ends the round with what it has learned until now, tests and saves it, and then stops. */
  | { type: 'stop-and-keep' };

/** Asks how much memory a run with these settings would take. */
export interface PlanCommand {
  settings: RunSettings;
  device: DeviceChoice;
  /** Without token if `mayAsk` is false. */
  access: ModelAccess;
  /** Whether the user asked to look up the model, so that its config may be requested from a hub or another server. */
  mayAsk: boolean;
  /** Labels of each task of the order, empty if the page does not know them. */
  labels: string[][];
  /** Number of tasks that the model was taught before: what they left is stored and read too. */
  taught: number;
  /** From an earlier answer, to avoid fetching it again; null if there is none. */
  outline: ModelOutline | null;
}

export type PlanAnswer =
  | {
      type: 'planned';
      plan: MemoryPlan;
      effort: Effort;
      outline: ModelOutline;
      modules: ModelModules;
    }
  /** The model's config is not stored here, and no server may be asked for it yet. */
  | { type: 'unknown-model' }
  /** The device cannot hold it, or the config cannot be fetched or used (then `modules` is null). */
  | {
      type: 'unplanned';
      error: ErrorReport;
      modules: ModelModules | null;
    };

/** Asks what the model would read first. */
export interface PreviewCommand {
  settings: RunSettings;
  access: ModelAccess;
  tasks: PageTasks;
  /** Whether the user asked to look it up, so that the servers of model and tasks may be asked. */
  mayAsk: boolean;
}

export type PreviewAnswer =
  /** Null if the first task has no examples. */
  | { type: 'preview'; preview: Reading | null }
  /** Model or tasks are on another server, which may not be asked yet. */
  | { type: 'elsewhere' }
  | { type: 'no-preview'; error: ErrorReport };

/** Asks how many tokens the texts take. The command is that of a preview. */
export type LengthsAnswer =
  | { type: 'counted'; lengths: TextLengths }
  /** Model or tasks are on another server, which may not be asked yet. */
  | { type: 'elsewhere' }
  | { type: 'not-counted'; error: ErrorReport };

/** The device that a run would use. */
export interface DeviceOutlook {
  kind: 'webgpu' | 'wasm';
  why: DeviceReason;
  name: string;
  /** True if a graphics adapter computes on the CPU. */
  isSoftwareAdapter: boolean;
  /** On the CPU; null on WebGPU. */
  threads: number | null;
  /**
   * Why there is only one thread: the page is not isolated, there is one core, or no worker starts. Null with several
   * threads, and on WebGPU.
   */
  singleThread: 'not-isolated' | 'one-core' | 'no-worker' | null;
  /** Bytes of the largest buffer. */
  bufferBytes: number;
}
export type SingleThreadReason = NonNullable<DeviceOutlook['singleThread']>;

/** The functions of the worker that answers what can be known before a run. */
export type AheadFunctions = {
  plan: (command: PlanCommand) => Promise<PlanAnswer>;
  preview: (command: PreviewCommand) => Promise<PreviewAnswer>;
  lengths: (command: PreviewCommand) => Promise<LengthsAnswer>;
  /** Returns why the files of a model cannot be used; null if they can. */
  check: (command: { model: string; access: ModelAccess }) => Promise<ErrorReport | null>;
  /** Tells the device that a run would use, and returns its speed. */
  look: (choice: DeviceChoice) => Promise<Speed>;
};

/** Commands to the worker that manages the models. It does one thing at a time; `break` ends a fetch. */
export type ModelsCommand =
  | { type: 'list' }
  | { type: 'fetch'; model: string; access: ModelAccess }
  | { type: 'break' }
  | { type: 'list-ggufs'; model: string; access: ModelAccess }
  | { type: 'verify'; folder: string; access: ModelAccess }
  | { type: 'remove'; folder: string };

/** Messages of that worker. `stored` follows everything that may have changed the store. */
export type ModelsEvent =
  | {
      type: 'stored';
      models: StoredModel[];
      usageBytes: number | null;
      quotaBytes: number | null;
    }
  | { type: 'fetching'; model: string; progress: ModelProgress }
  | { type: 'fetched'; model: string }
  | { type: 'broken-off'; model: string }
  | { type: 'verifying'; folder: string; progress: VerifyProgress }
  | { type: 'verified'; folder: string; verdict: Verdict }
  | { type: 'ggufs'; model: string; files: GgufFile[] }
  | { type: 'failed'; error: ErrorReport };

/** The model that a run teaches, and what it stores of it. */
interface TeachingChoice {
  /** The key of the stored model that it teaches; null for the base model of its settings. */
  from: string | null;
  /** Whether to store the model after every task, not only after the last. */
  everyTask: boolean;
  /** Whether the tests of what it teaches stay with the model. */
  keepsTests: boolean;
}

/** The stored model that a tab uses, by its key, or the last of a run; null for the one that any tab showed last. */
export type ModelChoice = { model: string } | { run: string } | null;

/** How often to save checkpoints of a run, and the one it resumes from. */
interface CheckpointsChoice {
  /** Seconds between two, at least; 0 for none. */
  everySeconds: number;
  /** The folder of {@link StoredCheckpoint}; null if the run begins. */
  from: string | null;
}

/** A checkpoint stored in this browser. */
export interface StoredCheckpoint {
  /** Its folder. */
  folder: string;
  /** Milliseconds since 1970. */
  savedAt: number;
  bytes: number;
  /** The run it belongs to. */
  id: string | undefined;
  startedAt: string;
  /** The results of the run until then. */
  results: Results;
  settings: RunSettings;
  round: number;
  /** Optimizer steps done in all. */
  step: number;
}

/** Commands to the worker that manages checkpoints. */
export type CheckpointsCommand = { type: 'find' } | { type: 'drop'; folder: string };

/** The checkpoints of runs that no tab is running. */
export interface FoundCheckpoints {
  /** The last one of every run, the newest first. */
  unfinished: StoredCheckpoint[];
  /** Folders of runs whose checkpoints cannot be read: they are damaged, or another version has written them. */
  unread: string[];
}

/** Its functions return what there is after the command. */
export type CheckpointsFunctions = FunctionsFor<CheckpointsCommand, FoundCheckpoints>;

/** The stored files of a task in the line of a model. */
export interface StoredRound {
  /** `1-gloss`. */
  name: string;
  bytes: number;
  /** Whether its adapter, weights and spaces are stored, not only its result files. */
  hasWeights: boolean;
}

/** The last round whose weights are stored. */
export interface LastRound {
  round: number;
  /** Settings of its run. */
  settings: RunSettings;
  use: RoundUse;
}

/** A file of the stored rounds, by its path below them: `logs_and_outputs/order_1/outputs/1-dbpedia/round.json`. */
export interface StoredFile {
  path: string;
  file: File;
}

/** A model that was taught, stored in this browser. */
export interface TaughtModel {
  /** Names it: its folder in the private file system, below those of all runs. */
  key: string;
  /** Bytes that removing it frees. */
  bytes: number;
  /** Milliseconds since 1970. */
  savedAt: number;
  /** Name of its folder: `2-chats`. */
  name: string;
  /** The model's summary; null if it cannot be read. */
  model: ModelSummary | null;
}

/** Commands to the worker that writes files. `to` is the target; null means the browser's downloads. */
export type ExportsCommand = (
  | { type: 'list' }
  /** Uses another model, also in the next tab. */
  | { type: 'use-model' }
  | { type: 'remove-model'; key: string }
  /** Stores a model from its folder, or from one file in which somebody shared it. */
  | { type: 'import'; files: StoredFile[] }
  | ({ type: 'zip' } & Written)
  /** The model for somebody else: see `sharedFiles`. */
  | ({ type: 'share'; withTests: boolean } & Written)
  | ({ type: 'merge'; access: ModelAccess } & Written)
  | ({ type: 'onnx'; access: ModelAccess; dtype: OnnxDtype } & Written)
  /** `dtype` is null for the adapter alone. */
  | ({ type: 'gguf'; access: ModelAccess; dtype: GgufDtype | null } & Written)
  /** Counts the test answers that stay the same with the weights of a GGUF file. */
  | { type: 'same-answers'; key: string; access: ModelAccess; dtype: GgufDtype; device: DeviceChoice }
) & {
  /** The model that the tab uses after it. */
  model: ModelChoice;
};

/** The written model, which the page shows, by its key; another tab may have removed it since. */
export interface Written {
  key: string;
  name: string;
  to: FileSystemFileHandle | null;
}

/** Messages of that worker. `kept` ends every command that succeeded. */
export type ExportsEvent =
  | {
      type: 'kept';
      /** The key of the model that the tab uses; null if there is none. */
      used: string | null;
      /** Whether it is the model that was asked for, rather than the one shown last. */
      isAsked: boolean;
      /** The stored rounds of its line. */
      rounds: StoredRound[];
      last: LastRound | null;
      /** Later models of its run that cannot be used. */
      broken: string[];
      /** All models in this browser, the newest first. */
      models: TaughtModel[];
    }
  | { type: 'writing'; bytes: number }
  | { type: 'written'; name: string; file: File | null }
  /** How many answers there are so far, of all. */
  | { type: 'answering'; done: number; all: number }
  /** `key` is that of the model. */
  | { type: 'answered'; key: string; dtype: GgufDtype; same: SameAnswers }
  | { type: 'failed'; error: ErrorReport };

/**
 * A command to the benchmark. `abilities` opens no device; `measure` measures the device that a run with this choice
 * would use.
 */
export type BenchCommand = { type: 'abilities' } | { type: 'measure'; device: DeviceChoice };

/** The functions of the worker that describes or measures the device. */
export type BenchFunctions = {
  abilities: (command: { type: 'abilities' }) => Promise<Abilities>;
  /** Tells {@link BenchProgress}, with an `ended` for each part. */
  measure: (command: { type: 'measure'; device: DeviceChoice }) => Promise<void>;
};

/** The abilities that this machine offers to the browser. */
export interface Abilities {
  /** The graphics adapter; null if there is none. */
  adapter:
    | (BenchHead['adapter'] & {
        /** Storage buffers that a kernel may bind. */
        storageBuffers: number;
      })
    | null;
  /** Why there is no adapter; null if there is one. */
  noAdapter: ErrorReport | null;
  /** The abilities of WebAssembly; null if it lacks SIMD, so that nothing can be trained on the CPU. */
  cpu: {
    /** Fused multiply-add. */
    relaxed: boolean;
    /** Memory that threads share. */
    shared: boolean;
    /** At most so many compute. */
    threads: number;
  } | null;
}

/** A part to come. */
export interface AnnouncedPart {
  name: string;
  /** Why it will not be run; null if it will. */
  omitted: string | null;
}

/** The progress of a measurement. */
export type BenchProgress =
  /** The device can be opened. The parts follow in this order, and are cut off after so many seconds. */
  | { type: 'measuring'; head: BenchHead; parts: AnnouncedPart[]; limitSeconds: number }
  | { type: 'begun'; name: string }
  | { type: 'ended'; outcome: Outcome };

/** The messages of a measurement of this device to whoever asked for it: its progress, its results and its end. */
export type BenchEvent =
  | BenchProgress
  | { type: 'abilities'; abilities: Abilities }
  | { type: 'done' }
  | { type: 'failed'; error: ErrorReport };

/**
 * The form to write: all files of the rounds, the model to share, or the model with the last round merged in, for
 * Hugging Face libraries, for ONNX runtimes or as GGUF; of GGUF also the adapter alone.
 */
export type ExportChoice =
  | { what: 'zip' | 'merge' | 'gguf-adapter' }
  | { what: 'share'; withTests: boolean }
  | { what: 'onnx'; dtype: OnnxDtype }
  | { what: 'gguf'; dtype: GgufDtype };

/** The name of the archive. @param learned names of what the model has learned. */
export function archiveName(as: ExportChoice, learned: readonly string[]): string {
  const what = learnedSlug(learned);
  switch (as.what) {
    case 'zip':
      return 'gorp-web-rounds.zip';
    case 'share':
      return `${what}.zip`;
    case 'merge':
      return `gorp-web-model-${what}.zip`;
    case 'onnx':
      return `gorp-web-onnx-${as.dtype}-${what}.zip`;
    case 'gguf':
      return `gorp-web-gguf-${as.dtype}-${what}.zip`;
    case 'gguf-adapter':
      return `gorp-web-gguf-adapter-${what}.zip`;
  }
}
