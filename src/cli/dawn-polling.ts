// In milliseconds. A pause adds at most a twentieth to a wait: none at first, then a nap of the thread, since timers are
// no finer than 1 ms, then a timer.
const [NAP, TIMER] = [0.1, 1];
const [NAPS_AFTER, TIMERS_AFTER] = [20 * NAP, 20 * TIMER];

const never = new Int32Array(new SharedArrayBuffer(4));
const napOfThread = (): void => void Atomics.wait(never, 0, 0, NAP);

type Callback = (...values: unknown[]) => void;

/** What {@link pausePolling} has put in place. */
const replaced = new WeakSet<object>();

/** Dawn's callbacks are functions without a name in native code; bound functions have one. */
export const isFromDawn = (callback: Callback): boolean =>
  callback.name === '' && Function.prototype.toString.call(callback).includes('[native code]');

/**
 * Lets a process rest while it waits for Dawn. While anything is pending, Dawn's binding for Node asks the driver in every
 * turn of the event loop, through the global `setImmediate` (`AsyncRunner::ScheduleProcessEvents`). That occupies a core,
 * which software drivers need to compile and to compute. Here it asks less often the longer a wait lasts. Callbacks of
 * others are passed on.
 *
 * @param scope whose `setImmediate` is replaced, once.
 * @param isPoll whether a callback polls.
 * @param nap rests for {@link NAP}.
 */
export function pausePolling(
  scope: Pick<typeof globalThis, 'setImmediate'> = globalThis,
  isPoll: (callback: Callback) => boolean = isFromDawn,
  nap = napOfThread,
): void {
  const original = scope.setImmediate as (callback: Callback, ...values: unknown[]) => NodeJS.Immediate;
  if (replaced.has(original)) return;
  let isPolling = false;
  let since = 0;
  const paused = (callback: Callback, ...values: unknown[]): unknown => {
    if (!isPoll(callback)) return original(callback, ...values);
    const now = performance.now();
    // Scheduled by a poll, it continues the same wait.
    if (!isPolling) since = now;
    const poll = (): void => {
      isPolling = true;
      try {
        callback(...values);
      } finally {
        isPolling = false;
      }
    };
    const waited = now - since;
    if (waited >= TIMERS_AFTER) return setTimeout(poll, TIMER);
    if (waited >= NAPS_AFTER) nap();
    return original(poll);
  };
  // With the form for `util.promisify`.
  Object.defineProperties(paused, Object.getOwnPropertyDescriptors(original));
  replaced.add(paused);
  scope.setImmediate = paused as unknown as typeof setImmediate;
}
