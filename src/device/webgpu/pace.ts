/** A kernel call whose time becomes known when it has run. */
export interface Paced {
  /** What is alike in calls of one kernel: they are taken to be alike in speed until they have been timed. */
  readonly pipeline: object;
  /** About how many operations it takes. */
  readonly cost: number;
  /** Milliseconds, once it has been timed. */
  ms?: number;
}

/** A slice of work. */
export interface Cut {
  readonly to: number;
  readonly expected: number;
  readonly isGuess: boolean;
}

/** Milliseconds that one submit should take at most: short enough for a desktop that waits behind it. */
export const SLICE = 40;
// A submit with calls that have never been timed is made this much shorter, since its time is a guess.
const UNTIMED_SLICE = SLICE / 4;
// Operations a millisecond of a kernel that has never run: less than any device has been seen to do.
const CAUTIOUS = 2e5;
// A time that is told too short (the host was busy, and heard of two submits at once) must not make submits grow by much.
const LEAST_FACTOR = 0.5;

/**
 * Knows how long kernel calls take on a device, and cuts work by it. What has not been timed is guessed from other calls of
 * its kernel, and a kernel that has never run is taken to be slow: it runs nearly alone the first time.
 */
export class Pace {
  /** Operations a millisecond. */
  readonly #speeds = new Map<object, number>();

  /** Milliseconds that a call is expected to take. */
  expected({ ms, cost, pipeline }: Paced): number {
    return ms ?? cost / (this.#speeds.get(pipeline) ?? CAUTIOUS);
  }

  /**
   * Where the submit ends that begins at `from`. It has one call at least.
   *
   * @returns the call after its last one, what it is expected to take, and whether that is a guess.
   */
  cut(work: readonly Paced[], from: number): Cut {
    let [to, expected, max] = [from, 0, SLICE];
    while (to < work.length) {
      const one = this.expected(work[to]);
      if (work[to].ms === undefined) max = UNTIMED_SLICE;
      if (to > from && expected + one > max) break;
      expected += one;
      to++;
    }
    return { to, expected, isGuess: work.slice(from, to).some(({ ms }) => ms === undefined) };
  }

  /**
   * Notes what calls took that were submitted together.
   *
   * @param mayBeShort whether it may be told too short: a host that is busy hears late of what was before it.
   */
  note(calls: readonly Paced[], milliseconds: number, mayBeShort: boolean): void {
    const guessed = calls.reduce((sum, call) => sum + this.expected(call), 0);
    if (guessed === 0) return;
    const factor = milliseconds / guessed;
    const sums = new Map<object, { cost: number; ms: number }>();
    for (const call of calls) {
      // A guess gives way to the first time; later ones correct it, so that a moment of other work does not count for long.
      const isGuess = call.ms === undefined;
      const now = this.expected(call) * (isGuess ? factor : Math.max(LEAST_FACTOR, factor));
      call.ms = isGuess || call.ms === undefined || now > call.ms ? now : (call.ms + now) / 2;
      const sum = sums.get(call.pipeline) ?? { cost: 0, ms: 0 };
      sums.set(call.pipeline, { cost: sum.cost + call.cost, ms: sum.ms + call.ms });
    }
    for (const [pipeline, { cost, ms }] of sums) {
      if (cost === 0 || ms === 0) continue;
      const known = mayBeShort ? (this.#speeds.get(pipeline) ?? Infinity) : Infinity;
      this.#speeds.set(pipeline, Math.min(known, cost / ms));
    }
  }
}
