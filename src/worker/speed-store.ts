import { createStore, get, set } from 'idb-keyval';
import type { SpeedStore } from '../run/planning/highest-speed.ts';

/** Speeds of devices in IndexedDB. A browser that stores nothing (as in some private windows) measures again. */
export function browserSpeedStore(): SpeedStore {
  const store = createStore('gorp-web-speeds', 'values');
  return {
    read: (device) => get<unknown>(device, store).catch(() => undefined),
    write: (device, speed) => set(device, speed, store).catch(() => undefined),
  };
}
