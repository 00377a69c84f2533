import type { DeviceReason } from '../base/device-choice.ts';
import type { TokenizerGuard } from '../base/tokenizer-guard.ts';
import type { Device, DeviceFacts } from '../device/device.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import type { InspectTexts, ModelFiles } from '../weights/model-folder.ts';
import type { ModelProgress } from '../weights/model-messages.ts';
import type { SavedCheckpoint } from './checkpoint/checkpoint.ts';
import type { RunEvent } from './events.ts';
import type { SavedRound } from './outputs/saved-round.ts';
import type { Results } from './results.ts';
import type { TaskHost } from './task-data.ts';

/** The files of a round that has ended; they are made while they are read, which must be before the next one begins. */
export interface RoundOutput {
  /** `logs_and_outputs/order_1/outputs`, and below it the folder of the round: `1-dbpedia`. */
  orderFolder: string;
  roundFolder: string;
  /** Scores and answers: small. */
  results: OutputFile[];
  /** Adapter, changes of weights, spaces, and where the run was: what the next round builds on. */
  trained: OutputFile[];
  /** The results of the run so far, as if it were stopped now. */
  soFar: Results;
}

/** Keeps the last two checkpoints of a run. Whoever keeps the results of a finished run removes them then. */
export interface CheckpointStore {
  /** Seconds between two, at least. */
  readonly everySeconds: number;
  /** Writes the files of a checkpoint, in their order; it counts once all of them are there. When it throws, the run warns. */
  keep(files: readonly OutputFile[]): Promise<void>;
  /** The last checkpoint of this run that can be used; null where there is none. */
  last(): Promise<SavedCheckpoint | null>;
}

/** What a run needs from where it runs: a page's worker, or Node. */
export interface RunHost extends TaskHost {
  /**
   * The device that the run computes on; it is the run's own, which frees it.
   *
   * @param kind what the run has computed on until its device was lost: it is to go on on the same.
   */
  acquireDevice(kind?: DeviceFacts['kind']): Promise<{ device: Device; why: DeviceReason }>;
  /**
   * Opens the model of the settings through the weight store.
   *
   * @param signal breaks a download off; another call goes on with it.
   * @param inspect to be called with the small files before the weights are fetched.
   */
  openModel(
    model: string,
    onProgress: (progress: ModelProgress) => void,
    signal: AbortSignal,
    inspect: InspectTexts,
  ): Promise<ModelFiles>;
  /** What bounds the time of a model's tokenizer, where that can be done within the thread. */
  guardTokenizer?(model: string): TokenizerGuard;
  /** Bytes of GPU memory that the run may take, where that is known; browsers do not tell. */
  memoryBudget?: number | null;
  /** A round of an earlier run to resume from. */
  savedRound?(): Promise<SavedRound>;
  /** Keeps the files of a round. When it throws, the run warns and goes on. */
  saveRound?(output: RoundOutput): Promise<void>;
  /** Where a run in the middle is saved; none are made without. */
  checkpoints?: CheckpointStore;
  /** The checkpoint of the same run to go on from. */
  savedCheckpoint?(): Promise<SavedCheckpoint>;
  emit(event: RunEvent): void;
  /** A clock in milliseconds. */
  now(): number;
  code: { version: string; commit: string };
}

/** What the ledger of a device counts. */
export const memoryOf = (device: Device): { liveBytes: number; peakBytes: number; liveBuffers: number } => {
  const { liveBytes, peakBytes, liveBuffers } = device.buffers;
  return { liveBytes, peakBytes, liveBuffers };
};
