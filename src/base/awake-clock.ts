/** The clock reads itself this often, in milliseconds. */
export const TICK_MS = 1000;
/**
 * A longer time between two readings was sleep: of the machine, or of a page that the browser froze. Nothing else holds
 * up a thread for this long; a driver that compiles may take a minute or two.
 */
const LONGEST_MS = 5 * 60_000;

/**
 * A clock in milliseconds that stops while the machine sleeps. `performance.now` counts sleep on some systems and not on
 * others.
 *
 * @param now counts sleep or not.
 * @param tick calls its argument every {@link TICK_MS}; long work counts as sleep otherwise.
 */
export function awakeClock(now: () => number, tick: (read: () => void) => void): () => number {
  let last = now();
  let slept = 0;
  const read = (): number => {
    const at = now();
    if (at - last > LONGEST_MS) slept += at - last;
    last = at;
    return at - slept;
  };
  tick(() => void read());
  return read;
}
