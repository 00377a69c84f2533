import { createStore, get, set } from 'idb-keyval';
import type { TuningStore } from '../device/webgpu/tune.ts';

/** Kernel choices in IndexedDB. A browser that stores nothing (as in some private windows) measures at every start. */
export function browserTuningStore(): TuningStore {
  const store = createStore('gorp-web-tuning', 'values');
  return {
    read: (device) => get<unknown>(device, store).catch(() => undefined),
    write: (device, choices) => set(device, choices, store).catch(() => undefined),
  };
}
