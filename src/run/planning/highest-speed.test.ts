import { expect, test } from 'vitest';
import { highestSpeed } from './measure-speed.ts';

test('a speed measured on a busy machine is replaced by a higher one, and no speed by a lower one', async () => {
  const stored = new Map<string, unknown>([['other', 'no speed']]);
  const store = {
    read: (device: string) => Promise.resolve(stored.get(device)),
    write: (device: string, speed: object) => Promise.resolve(void stored.set(device, speed)),
  };
  const busy = { operationsPerSecond: 1e9, secondsPerKernel: 1e-4 };
  const quiet = { operationsPerSecond: 9e10, secondsPerKernel: 3e-6 };
  const after = (measured: typeof busy) => highestSpeed(store, 'CPU', () => Promise.resolve(measured));
  expect(await after(busy)).toEqual(busy);
  expect(await after(quiet)).toEqual(quiet);
  expect(await after(busy)).toEqual(quiet);
  expect(await after({ ...busy, secondsPerKernel: 1e-6 })).toEqual({ ...quiet, secondsPerKernel: 1e-6 });
  expect(stored.get('CPU')).toEqual({ ...quiet, secondsPerKernel: 1e-6 });
  expect(await highestSpeed(store, 'other', () => Promise.resolve(busy))).toEqual(busy);
});
