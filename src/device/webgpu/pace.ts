/** A kernel call whose time becomes known when it has run. */
export interface Paced {
  /** What is alike in calls of one kernel: they are taken to be alike in speed until they have been timed. */
  readonly pipeline: object;
  /** About how many operations it takes. */
  readonly cost: number;
  /** Pieces that it can be cut into, all alike: workgroups along the longest side of its grid. */
  readonly pieces: number;
  /** Milliseconds, once it has been timed. */
  ms?: number;
}

/** How far some work has got: so many whole calls, and so many pieces of the one after them. */
export interface Place {
  readonly call: number;
  readonly piece: number;
}

/** A slice of work: whole calls, or pieces of a single one that takes too long for one slice. */
export interface Slice<Call extends Paced = Paced> {
  readonly calls: readonly Call[];
  /** Of the single call, first and behind the last one; undefined where calls are whole. */
  readonly pieces?: { readonly from: number; readonly to: number };
  /** Where the next slice begins. */
  readonly next: Place;
  /** Milliseconds that it is expected to take, and whether that is a guess. */
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

/** Milliseconds of a slice that a call is in. */
const longest = ({ ms }: Paced): number => (ms === undefined ? UNTIMED_SLICE : SLICE);

/**
 * Knows how long kernel calls take on a device, and cuts work by it: between calls, and within those that are longer than a
 * slice. What has not been timed is guessed from other calls of its kernel, and a kernel that has never run is taken to be
 * slow: it runs nearly alone the first time, and only a piece of it where it is large.
 */
export class Pace {
  /** Operations a millisecond. */
  readonly #speeds = new Map<object, number>();

  /** Milliseconds that a call is expected to take. */
  expected({ ms, cost, pipeline }: Paced): number {
    return ms ?? cost / (this.#speeds.get(pipeline) ?? CAUTIOUS);
  }

  /** The slice of work that begins at a place: one call or one piece at least. */
  cut<Call extends Paced>(work: readonly Call[], { call: from, piece }: Place): Slice<Call> {
    const first = work[from] as Call | undefined;
    if (first !== undefined && (piece > 0 || (first.pieces > 1 && this.expected(first) > longest(first)))) {
      return this.#cutCall(first, { call: from, piece });
    }
    let [to, expected, max] = [from, 0, SLICE];
    while (to < work.length) {
      const one = this.expected(work[to]);
      max = Math.min(max, longest(work[to]));
      if (to > from && expected + one > max) break;
      expected += one;
      to++;
    }
    const calls = work.slice(from, to);
    return { calls, next: { call: to, piece: 0 }, expected, isGuess: calls.some(({ ms }) => ms === undefined) };
  }

  /** Pieces of a call, as many as go into a slice; what is left is spread evenly. */
  #cutCall<Call extends Paced>(call: Call, { call: at, piece: from }: Place): Slice<Call> {
    const [each, left, max] = [this.expected(call) / call.pieces, call.pieces - from, longest(call)];
    const evenly = Math.ceil(left / Math.ceil((left * each) / max));
    const count = Math.max(1, Math.min(left, evenly, Math.floor(max / each)));
    const to = from + count;
    const next = to === call.pieces ? { call: at + 1, piece: 0 } : { call: at, piece: to };
    return { calls: [call], pieces: { from, to }, next, expected: count * each, isGuess: call.ms === undefined };
  }

  /**
   * Notes what a slice took.
   *
   * @param mayBeShort whether it may be told too short: a host that is busy hears late of what was before it.
   */
  note({ calls, pieces, next }: Slice, milliseconds: number, mayBeShort: boolean): void {
    const share = pieces === undefined ? 1 : (pieces.to - pieces.from) / calls[0].pieces;
    const guessed = share * calls.reduce((sum, call) => sum + this.expected(call), 0);
    if (guessed === 0) return;
    const factor = milliseconds / guessed;
    const sums = new Map<object, { cost: number; ms: number }>();
    for (const call of calls) {
      // A guess gives way to the first time; later ones correct it, so that a moment of other work does not count for long.
      const isGuess = call.ms === undefined;
      const now = this.expected(call) * (isGuess ? factor : Math.max(LEAST_FACTOR, factor));
      const ms = isGuess || call.ms === undefined || now > call.ms ? now : (call.ms + now) / 2;
      // The first pieces are few, and what they take is mostly not their own: the call stays a guess up to its end.
      if (!isGuess || next.piece === 0) call.ms = ms;
      const sum = sums.get(call.pipeline) ?? { cost: 0, ms: 0 };
      sums.set(call.pipeline, { cost: sum.cost + share * call.cost, ms: sum.ms + share * ms });
    }
    for (const [pipeline, { cost, ms }] of sums) {
      if (cost === 0 || ms === 0) continue;
      const known = mayBeShort ? (this.#speeds.get(pipeline) ?? Infinity) : Infinity;
      this.#speeds.set(pipeline, Math.min(known, cost / ms));
    }
  }
}
