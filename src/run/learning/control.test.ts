import { describe, expect, it } from 'vitest';
import { RunControl, Stopped } from './control.ts';

/** A control with a manual clock, and what it reported. */
function underTest(): { control: RunControl; clock: { ms: number }; reported: boolean[]; pass: () => Promise<void> } {
  const clock = { ms: 500 };
  const control = new RunControl(() => clock.ms);
  const reported: boolean[] = [];
  return {
    control,
    clock,
    reported,
    pass: () => control.waitWhilePaused({ onPause: (paused) => reported.push(paused) }),
  };
}

describe('RunControl', () => {
  it('lets a run pass if nobody paused it', async () => {
    const { control, clock, reported, pass } = underTest();
    await pass();
    clock.ms += 2500;
    expect(control.seconds).toBe(2.5);
    expect(reported).toEqual([]);
  });

  it('holds a paused run until it is resumed, and does not count that time', async () => {
    const { control, clock, reported, pass } = underTest();
    clock.ms += 1000;
    control.pause();
    control.pause();
    clock.ms += 1000; // still working: it can pause only now
    let passed = false;
    const waiting = pass().then(() => (passed = true));
    await Promise.resolve();
    clock.ms += 60_000;
    expect(control.seconds).toBe(2);
    expect([passed, reported]).toEqual([false, [true]]);
    control.resume();
    await waiting;
    clock.ms += 1000;
    expect(control.seconds).toBe(3);
    expect(reported).toEqual([true, false]);
    await pass();
    expect(reported).toEqual([true, false]);
  });

  it('does not hold a run that is resumed before it notices, and can be paused again', async () => {
    const { control, reported, pass } = underTest();
    control.pause();
    control.resume();
    control.resume();
    await pass();
    expect(reported).toEqual([]);
    control.pause();
    const waiting = pass();
    control.resume();
    await waiting;
    expect(reported).toEqual([true, false]);
  });

  it('can be resumed by whoever receives the pause', async () => {
    const { control } = underTest();
    const reported: boolean[] = [];
    control.pause();
    await control.waitWhilePaused({
      onPause: (paused) => {
        reported.push(paused);
        control.resume();
      },
    });
    expect(reported).toEqual([true, false]);
  });

  it('continues to a milestone and waits there; a later press of a button takes precedence', async () => {
    const { control, reported, pass } = underTest();
    control.pause();
    const waiting = pass();
    control.continueTo('round');
    await waiting;
    control.reached('step');
    await pass();
    expect(reported).toEqual([true, false]);
    control.reached('round');
    const again = pass();
    expect(reported).toEqual([true, false, true]);
    control.continueTo('step');
    await again;
    control.resume();
    control.reached('step');
    await pass();
    expect(reported).toEqual([true, false, true, false]);
  });

  it('accepts a milestone while it runs', async () => {
    const { control, reported, pass } = underTest();
    control.continueTo('step');
    await pass();
    control.reached('step');
    const waiting = pass();
    expect(reported).toEqual([true]);
    control.stop();
    await expect(waiting).rejects.toThrow(Stopped);
  });

  it('stops a run, also a waiting one, at the next place where it can; it then cannot be paused', async () => {
    const { control, reported, pass } = underTest();
    control.pause();
    const waiting = pass();
    control.stop();
    await expect(waiting).rejects.toThrow(Stopped);
    control.resume();
    control.pause();
    await expect(pass()).rejects.toThrow(expect.objectContaining({ code: 'run/stopped' }));
    expect(reported).toEqual([true]);
  });

  it.each(['pause', 'stop'] as const)('finishes pending work before it obeys a %s', async (what) => {
    const { control, clock, reported } = underTest();
    control[what]();
    const settle = (): Promise<void> => {
      expect(reported).toEqual([]);
      clock.ms += 2000;
      control.resume();
      return Promise.resolve();
    };
    await control.waitWhilePaused({ settle, onPause: (paused) => reported.push(paused) }).catch(() => undefined);
    expect([control.seconds, reported]).toEqual([2, []]); // resumed in the meantime, it did not wait
  });

  it('does not wait for a resume if its device is gone; its clock continues', async () => {
    const { control, clock, reported } = underTest();
    control.pause();
    let lose: (reason: Error) => void = () => undefined;
    const broken = new Promise<never>((_, reject) => (lose = reject));
    const waiting = control.waitWhilePaused({ onPause: (paused) => reported.push(paused), broken });
    await Promise.resolve();
    clock.ms += 5000;
    lose(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    clock.ms += 1000;
    expect([control.seconds, reported]).toEqual([1, [true]]);
  });

  it('interrupts work that cannot wait, once for every pause, and permanently when stopped', () => {
    const { control } = underTest();
    const first = control.interruption();
    control.pause();
    expect([first.aborted, control.interruption().aborted]).toEqual([true, true]);
    control.resume();
    const second = control.interruption();
    expect(second.aborted).toBe(false);
    control.stop();
    expect([second.aborted, control.interruption().aborted]).toEqual([true, true]);
  });
});
