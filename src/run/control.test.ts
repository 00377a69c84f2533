import { describe, expect, it } from 'vitest';
import { RunControl, Stopped } from './control.ts';

const quiet = (): void => undefined;

describe('RunControl', () => {
  it('waits while paused, tells it, and leaves the pause out of the seconds of work, from its beginning on', async () => {
    let now = 500;
    const control = new RunControl(() => now);
    const told: boolean[] = [];
    now += 2000;
    control.pause();
    now += 1000; // until the run comes to its next checkpoint it works on
    const held = control.checkpoint((paused) => told.push(paused));
    now += 60_000;
    expect(control.seconds).toBe(3);
    expect(told).toEqual([true]);
    control.resume();
    await held;
    expect(told).toEqual([true, false]);
    now += 1500;
    expect(control.seconds).toBe(4.5);
    await control.checkpoint(() => told.push(true));
    expect(told).toHaveLength(2);
  });

  it('stops at the next checkpoint, out of a pause too, and for good', async () => {
    const control = new RunControl(() => 0);
    control.pause();
    const held = control.checkpoint(quiet);
    control.stop();
    await expect(held).rejects.toThrow(Stopped);
    control.resume();
    control.pause();
    await expect(control.checkpoint(quiet)).rejects.toThrow(Stopped);
  });
});
