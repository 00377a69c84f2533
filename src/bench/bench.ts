import type { Device } from '../device/device.ts';
import type { TuningStore } from '../device/webgpu/tune.ts';
import type { Clock } from './timing.ts';

/** A measurement, wherever it runs: in a page's worker or in Node. */
export interface Bench {
  readonly clock: Clock;
  /** How much of it is measured. */
  readonly scope: Scope;
  /**
   * Opens the measured device again: peak memory and the first step are each caller's own. Devices that share a store
   * share the kernels chosen by measurement; without one, each measures its own.
   *
   * @throws GorpError `gpu/…`, `device/…`.
   */
  readonly open: (store?: TuningStore) => Promise<Device>;
  /** A file below `public/embedded`. */
  readonly readEmbedded: (path: string) => Promise<Uint8Array<ArrayBuffer>>;
}

/** How much of a part is measured; what is measured in two scopes is measured in the same way. */
export interface Scope {
  /** Turns per contender. */
  readonly rounds: number;
  /** Only products that take the CPU less than a second. */
  readonly smallProducts: boolean;
  /** Only the kernel that the device chooses, not those that it chose from. */
  readonly chosenKernels: boolean;
}

/** The result of a measurement, as numbers for the JSON file and as text to read. */
export interface Report {
  readonly numbers: unknown;
  readonly text: string;
}

/** The result of a part of the benchmark. Its text is Markdown. */
export interface PartReport extends Report {
  /** The most telling numbers in one line. */
  readonly headline: string;
}

/** Kernel choices in memory only: a bench must not use choices measured on an earlier, busier day. */
export function memoryStore(): TuningStore {
  const stored = new Map<string, unknown>();
  return {
    read: (device) => Promise.resolve(stored.get(device)),
    write: (device, choices) => Promise.resolve(void stored.set(device, structuredClone(choices))),
  };
}
