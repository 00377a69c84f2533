import { awakeClock, TICK_MS } from '../base/awake-clock.ts';
import type { DeviceHost } from '../device/choice.ts';
import { browserTuningStore } from './tuning-store.ts';
import { browserWasmHost } from './wasm-host.ts';

/** Milliseconds in which the machine did not sleep. */
export const now = awakeClock(
  () => performance.now(),
  (read) => setInterval(read, TICK_MS),
);

/** `navigator.gpu`, which browsers without WebGPU lack. */
export const webgpu = (): Promise<GPU | undefined> => Promise.resolve((navigator as Partial<Navigator>).gpu);

/** What opening a device in a worker needs. */
export const deviceHost = (): DeviceHost => ({
  webgpu,
  tuning: {
    store: browserTuningStore(),
    platform: navigator.userAgent,
    now,
    warn: (text) => console.warn(text),
  },
  wasm: browserWasmHost(),
});
