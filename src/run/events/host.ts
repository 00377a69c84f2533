import type { DeviceReason } from '../../base/device-choice.ts';
import type { TokenizerGuard } from '../../base/tokenizer-config.ts';
import type { Device, DeviceFacts } from '../../device/device.ts';
import type { OutputFile } from '../../weights/exports/output-file.ts';
import type { InspectTexts, ModelFiles } from '../../weights/model-folder.ts';
import type { ModelProgress } from '../../weights/model-messages.ts';
import type { CheckpointFile, SavedRun } from '../files/saved-run.ts';
import type { RunEvent } from './events.ts';
import type { SavedRound } from '../files/saved-round.ts';
import type { Probe } from '../probes/own-probe.ts';
import type { Results } from '../results/results.ts';
import type { TaskHost } from '../tasks/task-data.ts';

/** The files of a finished round; they are made while they are read, so read them before the next round begins. */
export interface RoundOutput {
  /** `logs_and_outputs/order_1/outputs`, and below it the folder of the round: `1-dbpedia`. */
  orderFolder: string;
  roundFolder: string;
  /** Scores and answers: small. */
  results: OutputFile[];
  /** Adapter, changes of weights, spaces, and the place in the run: what the next round builds on. */
  trained: OutputFile[];
  /** The results of the run so far, as if it were stopped now. */
  soFar: Results;
}

/** Stores the last two checkpoints of a run. Whoever saves the results of a finished run then removes them. */
export interface CheckpointStore {
  /** Seconds between two, at least. */
  readonly everySeconds: number;
  /** Writes the files of a checkpoint, in order; it counts once all are written. If this throws, the run warns. */
  save(files: readonly CheckpointFile[]): Promise<void>;
  /** The last usable checkpoint of this run; null if there is none. */
  last(): Promise<SavedRun | null>;
}

/** The parts that a run needs from where it runs: a page's worker, or Node. */
export interface RunHost extends TaskHost {
  /**
   * The device that the run computes on; the run owns and frees it.
   *
   * @param kind the kind of device that the run lost: it resumes on the same kind.
   */
  acquireDevice(kind?: DeviceFacts['kind']): Promise<{ device: Device; why: DeviceReason }>;
  /**
   * Opens the model of the settings through the weight store.
   *
   * @param signal interrupts a download; another call resumes it.
   * @param inspect called with the small files before the weights are fetched.
   */
  openModel(
    model: string,
    onProgress: (progress: ModelProgress) => void,
    signal: AbortSignal,
    inspect: InspectTexts,
  ): Promise<ModelFiles>;
  /** Bounds the time of a model's tokenizer, if that is possible within the thread. */
  guardTokenizer?(model: string): TokenizerGuard;
  /** Bytes of GPU memory that the run may take, if known; browsers do not say. */
  memoryBudget?: number | null;
  /** Bytes of memory of the computer, if known; browsers do not say. */
  hostMemory?: number | null;
  /** The model of an earlier run to teach more. */
  savedRound?(): Promise<SavedRound>;
  /** Whether the tests of what is taught stay with the model; by default they do. */
  keepsTests?: boolean;
  /**
   * Saves the files of a round. If this throws, the run fails, unless it {@link waitsForRoom}; with `store/unavailable`,
   * since there is nowhere to save, it warns and continues.
   */
  saveRound?(output: RoundOutput): Promise<void>;
  /** Whether a person can make room and resume: a run whose files cannot be stored pauses, and then saves them again. */
  waitsForRoom?: boolean;
  /** Where checkpoints are saved; if missing, none are saved. */
  checkpoints?: CheckpointStore;
  /** The checkpoint of the same run to resume from. */
  savedCheckpoint?(): Promise<SavedRun>;
  /** Measures from outside, before training and after every round. */
  probes?: readonly Probe[];
  emit(event: RunEvent): void;
  /** A clock in milliseconds. */
  now(): number;
  code: Results['code'];
}

/** Returns the counts of a device's ledger. */
export const memoryOf = (device: Device): { liveBytes: number; peakBytes: number; liveBuffers: number } => {
  const { liveBytes, peakBytes, liveBuffers } = device.buffers;
  return { liveBytes, peakBytes, liveBuffers };
};
