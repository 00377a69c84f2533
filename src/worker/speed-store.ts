import { createStore, get, set } from 'idb-keyval';
import * as v from 'valibot';
import { type Speed, SpeedSchema } from '../run/duration.ts';

/**
 * Speeds of devices in IndexedDB, by name. A browser that stores nothing (as in some private windows) measures again.
 */
export function browserSpeedStore(): {
  read(device: string): Promise<Speed | undefined>;
  write(device: string, speed: Speed): Promise<void>;
} {
  const store = createStore('gorp-web-speeds', 'values');
  return {
    read: async (device) => {
      const parsed = v.safeParse(SpeedSchema, await get<unknown>(device, store).catch(() => undefined));
      return parsed.success ? parsed.output : undefined;
    },
    write: (device, speed) => set(device, speed, store).catch(() => undefined),
  };
}
