import type { Gpu } from '../gpu/device.ts';
import type { ReadText } from '../tasks/benchmark.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import type { ModelProgress } from '../weights/remote-folder.ts';
import type { RunEvent } from './events.ts';

/** What a run needs from where it runs: a page's worker, or Node. */
export interface RunHost {
  acquireGpu(): Promise<Gpu>;
  /**
   * Opens the model of the settings through the weight store.
   *
   * @param signal breaks a download off; another call goes on with it.
   */
  openModel(model: string, onProgress: (progress: ModelProgress) => void, signal: AbortSignal): Promise<ModelFiles>;
  /** Reads text files of the tasks of the settings. */
  taskReader(tasks: string): ReadText;
  emit(event: RunEvent): void;
  /** A clock in milliseconds. */
  now(): number;
  code: { version: string; commit: string };
}

/** What the ledger of a device counts. */
export const memoryOf = (gpu: Gpu): { liveBytes: number; peakBytes: number; liveBuffers: number } => {
  const { liveBytes, peakBytes, liveBuffers } = gpu.buffers;
  return { liveBytes, peakBytes, liveBuffers };
};
