const EVERY_MS = 200;

/** Passes counts of bytes on, at most five times a second. @param now milliseconds, of any clock. */
export function sparsely(now: () => number, report: (bytes: number) => void): (bytes: number) => void {
  let last = now();
  return (bytes) => {
    if (now() - last < EVERY_MS) return;
    last = now();
    report(bytes);
  };
}
