import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { acquireTestGpu } from '../testing/devices.ts';
import { isFromDawn, pausePolling } from './node-device.ts';

type Callback = (...values: unknown[]) => void;

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('pausePolling', () => {
  /** A scope whose polls are the callbacks called `poll`, and everything scheduled at once in it. */
  function pausedScope() {
    const atOnce: Callback[] = [];
    const scope = { setImmediate: ((callback: Callback) => atOnce.push(callback)) as unknown as typeof setImmediate };
    const nap = vi.fn();
    pausePolling(scope, ({ name }) => name === 'poll', nap);
    return { scope, atOnce, nap };
  }

  test('polls without pause at first, then after naps, then every millisecond, and as at first in the next wait', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    const { scope, atOnce, nap } = pausedScope();
    let polls = 0;
    let isPending = true;
    const poll = (): void => {
      polls++;
      if (isPending) scope.setImmediate(poll);
    };
    scope.setImmediate(poll);
    const turns = (count: number): void => {
      for (let turn = 0; turn < count; turn++) for (const callback of atOnce.splice(0)) callback();
    };
    turns(100);
    expect(polls).toBe(100);
    expect(nap).not.toHaveBeenCalled();
    vi.advanceTimersByTime(3);
    turns(100);
    expect(polls).toBe(200);
    expect(nap).toHaveBeenCalledTimes(100);
    vi.advanceTimersByTime(30);
    turns(100);
    expect(polls, 'the last poll before a timer').toBe(201);
    vi.advanceTimersByTime(5);
    turns(100);
    expect(polls).toBe(206);
    expect(nap, 'no nap beside a timer').toHaveBeenCalledTimes(100);

    isPending = false;
    vi.advanceTimersByTime(1);
    isPending = true;
    scope.setImmediate(poll);
    turns(10);
    expect(polls).toBe(207 + 10);
    expect(nap).toHaveBeenCalledTimes(100);
  });

  test('passes on the callbacks of others, with their values', async () => {
    const { scope, atOnce } = pausedScope();
    const other = vi.fn();
    scope.setImmediate(other, 1, 2);
    expect(atOnce).toEqual([other]);
    const whole = { setImmediate };
    pausePolling(whole);
    expect(await promisify(whole.setImmediate)('value')).toBe('value');
  });

  test('replaces a function once', () => {
    const { scope } = pausedScope();
    const paused = scope.setImmediate;
    pausePolling(scope);
    expect(scope.setImmediate).toBe(paused);
  });

  test.skipIf('Deno' in globalThis)('recognises what Dawn schedules while it waits for the device', async () => {
    const scheduled: Callback[] = [];
    const original = globalThis.setImmediate;
    vi.spyOn(globalThis, 'setImmediate').mockImplementation(((callback: Callback, ...values: unknown[]) => {
      scheduled.push(callback);
      return original(callback, ...values);
    }) as typeof setImmediate);
    const device = await acquireTestGpu();
    await device.gpu.device.queue.onSubmittedWorkDone();
    expect(scheduled.length).toBeGreaterThan(0);
    expect(scheduled.every(isFromDawn)).toBe(true);
    for (const other of [() => undefined, vi.fn(), poll.bind(null)]) expect(isFromDawn(other)).toBe(false);
    await device.destroy();
  });
});

function poll(): void {
  // only its name matters
}
