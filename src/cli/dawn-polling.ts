// A wait this long, in milliseconds, is polled without pause; then a pause of 1 ms adds at most a twentieth.
const SHORT_WAIT = 20;

type Callback = (...values: unknown[]) => void;

/** What {@link pausePolling} has put in place. */
const replaced = new WeakSet<object>();

/** Dawn's callbacks are functions without a name in native code; bound functions have one. */
export const isFromDawn = (callback: Callback): boolean =>
  callback.name === '' && Function.prototype.toString.call(callback).includes('[native code]');

/**
 * Lets a process rest while it waits for Dawn. While anything is pending, Dawn's binding for Node asks the driver in every
 * turn of the event loop, through the global `setImmediate` (`AsyncRunner::ScheduleProcessEvents`). That occupies a core,
 * which software drivers need to compile and to compute. Here it asks every millisecond once a wait is no longer short.
 * Callbacks of others are passed on.
 *
 * @param scope whose `setImmediate` is replaced, once.
 * @param isPoll whether a callback polls.
 */
export function pausePolling(
  scope: Pick<typeof globalThis, 'setImmediate'> = globalThis,
  isPoll: (callback: Callback) => boolean = isFromDawn,
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
    return now - since < SHORT_WAIT ? original(poll) : setTimeout(poll, 1);
  };
  // With the form for `util.promisify`.
  Object.defineProperties(paused, Object.getOwnPropertyDescriptors(original));
  replaced.add(paused);
  scope.setImmediate = paused as unknown as typeof setImmediate;
}
