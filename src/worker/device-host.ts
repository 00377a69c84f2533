import { createStore, get, set } from 'idb-keyval';
import { awakeClock, TICK_MS } from '../base/awake-clock.ts';
import type { DeviceHost } from '../device/choice.ts';
import type { TuningStore } from '../device/webgpu/tune.ts';
import type { SpeedStore } from '../run/planning/highest-speed.ts';
import { browserWasmHost } from './wasm-host.ts';

/** Speeds of devices in IndexedDB. A browser that stores nothing (as in some private windows) measures again. */
export function browserSpeedStore(): SpeedStore {
  const store = createStore('gorp-web-speeds', 'values');
  return {
    read: (device) => get<unknown>(device, store).catch(() => undefined),
    write: (device, speed) => set(device, speed, store).catch(() => undefined),
  };
}

/** Kernel choices in IndexedDB. A browser that stores nothing (as in some private windows) measures at every start. */
function browserTuningStore(): TuningStore {
  const store = createStore('gorp-web-tuning', 'values');
  return {
    read: (device) => get<unknown>(device, store).catch(() => undefined),
    write: (device, choices) => set(device, choices, store).catch(() => undefined),
  };
}

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
