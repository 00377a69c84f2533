import type { DeviceChoice } from '../../base/device-choice.ts';
import type { ErrorReport } from '../../base/errors.ts';
import type { BenchHead, Outcome } from '../../bench/report.ts';

/** What to do. `abilities` opens no device; `measure` measures the device that a run with this choice would use. */
export type BenchCommand = { type: 'abilities' } | { type: 'measure'; device: DeviceChoice };

/** The functions of the worker that describes or measures the device. */
export type BenchFunctions = {
  abilities: (command: { type: 'abilities' }) => Promise<Abilities>;
  /** Tells {@link BenchProgress}, with an `ended` for each part. */
  measure: (command: { type: 'measure'; device: DeviceChoice }) => Promise<void>;
};

/** What this machine offers to the browser. */
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
  /** What WebAssembly can do; null if it lacks SIMD, so that nothing can be trained on the CPU. */
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

/** What a measurement tells. */
export type BenchProgress =
  /** The device can be opened. The parts follow in this order, and are cut off after so many seconds. */
  | { type: 'measuring'; head: BenchHead; parts: AnnouncedPart[]; limitSeconds: number }
  | { type: 'begun'; name: string }
  | { type: 'ended'; outcome: Outcome };

/** The same with the results and the end, for whoever asked. */
export type BenchEvent =
  | BenchProgress
  | { type: 'abilities'; abilities: Abilities }
  | { type: 'done' }
  | { type: 'failed'; error: ErrorReport };
