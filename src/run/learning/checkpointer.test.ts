import { beforeEach, describe, expect, it } from 'vitest';
import { GorpError } from '../../base/errors.ts';
import type { RunEvent } from '../events/events.ts';

import { Checkpointer } from './saving.ts';
import type { RunState } from '../files/saved-run.ts';

const EVERY_SECONDS = 120;

/** Where a run is; the rest of a checkpoint does not affect when it is saved. */
const at = (steps: number): RunState =>
  ({
    place: { round: 1, phase: 'learn', steps, tests: [] },
    results: { seconds: 0, tasks: [], accuracy: {} },
    learner: { progress: { totalSteps: steps }, tensors: [] },
  }) as unknown as RunState;

let seconds: number;
let saved: number;
let takes: number;
let refusal: Error | null;
let events: RunEvent[];
let checkpointer: Checkpointer;
beforeEach(() => {
  [seconds, saved, takes, refusal, events] = [0, 0, 0, null, []];
  checkpointer = new Checkpointer({
    now: () => 1000 * seconds,
    emit: (event) => events.push(event),
    checkpoints: {
      everySeconds: EVERY_SECONDS,
      save: () => {
        if (refusal !== null) return Promise.reject(refusal);
        saved++;
        seconds += takes;
        return Promise.resolve();
      },
      last: () => Promise.resolve(null),
    },
  });
});

describe('a checkpoint', () => {
  it('is due when the time between two has passed since the last one', async () => {
    seconds = EVERY_SECONDS - 1;
    expect(checkpointer.isDue).toBe(false);
    seconds = EVERY_SECONDS;
    expect(checkpointer.isDue).toBe(true);
    await checkpointer.save(at(1), null);
    expect([saved, checkpointer.isDue]).toEqual([1, false]);
  });

  it('saves nothing before the run has done more than it began with', async () => {
    seconds = 2 * EVERY_SECONDS; // loading the model
    checkpointer.begin(at(3).place, at(3).results);
    expect(checkpointer.isDue).toBe(false);
    await checkpointer.save(at(3), null);
    expect([saved, events]).toEqual([0, []]);
    seconds += EVERY_SECONDS;
    expect(checkpointer.isDue).toBe(true);
    await checkpointer.save(at(4), null);
    expect(saved).toBe(1);
  });

  it('is saved again when a probe has measured since', async () => {
    await checkpointer.save(at(4), null);
    await checkpointer.save(at(4), null);
    expect(saved).toBe(1);
    const measured = at(4);
    const probes = { own: [{ name: 'length', title: 'words', rounds: [{ round: 1, value: 3 }] }] };
    await checkpointer.save({ ...measured, results: { ...measured.results, probes } }, null);
    expect(saved).toBe(2);
  });

  it('is due early when the page is hidden, but not each time', async () => {
    seconds = 14;
    checkpointer.ask();
    expect(checkpointer.isDue).toBe(false);
    seconds = 15;
    expect(checkpointer.isDue).toBe(true);
    await checkpointer.save(at(1), null);
    seconds = 40;
    expect(checkpointer.isDue, 'it was asked for once').toBe(false);
  });

  it('that took long is followed by the next only when both take a twentieth of the time', async () => {
    takes = 30;
    seconds = EVERY_SECONDS;
    await checkpointer.save(at(1), null);
    expect(checkpointer.share).toBeCloseTo(0.05, 9);
    const end = seconds;
    seconds = end + 19 * takes - 1;
    expect(checkpointer.isDue).toBe(false);
    seconds = end + 19 * takes;
    expect(checkpointer.isDue).toBe(true);
    takes = 1;
    await checkpointer.save(at(2), null);
    expect(checkpointer.share, 'of a quick one').toBeCloseTo(1 / 121, 9);
    seconds += EVERY_SECONDS;
    expect(checkpointer.isDue).toBe(true);
  });

  it('is not saved twice at the same place', async () => {
    await checkpointer.save(at(1), null);
    await checkpointer.save(at(1), null);
    expect(saved).toBe(1);
    await checkpointer.save(at(2), null);
    expect(saved).toBe(2);
  });

  it('that finds no room is a warning with a next step, and is tried again when the next one is due', async () => {
    refusal = new GorpError('store/quota', 'The disk is full.', 'Free some space on it.');
    seconds = EVERY_SECONDS;
    await checkpointer.save(at(1), null);
    expect(events.at(-1)).toEqual({
      type: 'warning',
      message: 'The checkpoint could not be saved: The disk is full. Free some space on it.',
    });
    expect(checkpointer.isDue, 'not at every step').toBe(false);
    refusal = null;
    seconds += EVERY_SECONDS;
    expect(checkpointer.isDue).toBe(true);
    await checkpointer.save(at(1), null);
    expect(saved).toBe(1);
  });

  it('of a device that is gone fails the run', async () => {
    refusal = new GorpError('device/lost', 'The device was lost.', 'Start again.');
    await expect(checkpointer.save(at(1), null)).rejects.toBe(refusal);
  });
});
