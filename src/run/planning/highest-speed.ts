import * as v from 'valibot';
import { type Speed, SpeedSchema } from './duration.ts';

/** Speeds by the name of their device. What cannot be read or written is measured again. */
export interface SpeedStore {
  read(device: string): Promise<unknown>;
  write(device: string, speed: Speed): Promise<void>;
}

/** The speed of a device that a store holds; undefined if it holds none. */
export async function storedSpeed(store: SpeedStore, device: string): Promise<Speed | undefined> {
  const parsed = v.safeParse(SpeedSchema, await store.read(device));
  return parsed.success ? parsed.output : undefined;
}

/**
 * The highest speed of a device so far: of what a store holds and what is measured now. Other programs can only make a
 * measurement too slow, and one on a busy machine must not stay.
 */
export async function highestSpeed(store: SpeedStore, device: string, measure: () => Promise<Speed>): Promise<Speed> {
  const [before, now] = [await storedSpeed(store, device), await measure()];
  const highest = {
    operationsPerSecond: Math.max(now.operationsPerSecond, before?.operationsPerSecond ?? 0),
    secondsPerKernel: Math.min(now.secondsPerKernel, before?.secondsPerKernel ?? Infinity),
  };
  await store.write(device, highest);
  return highest;
}
