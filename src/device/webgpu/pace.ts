/** A kernel call whose time becomes known when it has run. */
export interface Paced {
  /** Identifies the kernel: its calls are assumed equally fast until they have been timed. */
  readonly pipeline: object;
  /** Approximate operations. */
  readonly cost: number;
  /** Number of equal pieces it can be cut into: workgroups along the longest side of its grid. */
  readonly pieces: number;
  /** Milliseconds, once it has been timed. */
  ms?: number;
}

/** Progress in a list of calls: whole calls done, and pieces of the next one. */
export interface Place {
  readonly call: number;
  readonly piece: number;
}

/** A slice of work: whole calls, or pieces of a single one that takes too long for one slice. */
export interface Slice<Call extends Paced = Paced> {
  readonly calls: readonly Call[];
  /** Of a single call: the first piece, and the one after the last; undefined if calls are whole. */
  readonly pieces?: { readonly from: number; readonly to: number };
  /** Where the next slice begins. */
  readonly next: Place;
  /** Expected milliseconds, and whether that is a guess. */
  readonly expected: number;
  readonly isGuess: boolean;
}

/** Maximum milliseconds that a submit should take: the desktop has to wait for it. */
export const SLICE = 40;
// The slice for calls that have never been timed is shorter, since its time is a guess.
const UNTIMED_SLICE = SLICE / 4;
// Assumed speed of a kernel that has never run, in operations per millisecond: slower than on any known device.
const CAUTIOUS = 2e5;
// If a time is reported too short (a busy host learned of two submits at once), submits must not grow by much.
const LEAST_FACTOR = 0.5;

/** The longest slice that may contain a call, in milliseconds. */
const longest = ({ ms }: Paced): number => (ms === undefined ? UNTIMED_SLICE : SLICE);

/**
 * Records how long kernel calls take on a device and cuts work into slices accordingly: between calls, and within those
 * longer than a slice. Guesses untimed calls from other calls of their kernel. Assumes that a kernel that has never run
 * is slow: it runs nearly alone the first time, and only a piece of it if it is large.
 */
export class Pace {
  /** Operations per millisecond. */
  readonly #speeds = new Map<object, number>();

  /** Milliseconds that a call is expected to take. */
  expected({ ms, cost, pipeline }: Paced): number {
    return ms ?? cost / (this.#speeds.get(pipeline) ?? CAUTIOUS);
  }

  /** The slice of work that begins at a place: at least one call or piece. */
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

  /** Cuts as many pieces of a call as fit a slice, spreading the rest evenly. */
  #cutCall<Call extends Paced>(call: Call, { call: at, piece: from }: Place): Slice<Call> {
    const [each, left, max] = [this.expected(call) / call.pieces, call.pieces - from, longest(call)];
    const evenly = Math.ceil(left / Math.ceil((left * each) / max));
    const count = Math.max(1, Math.min(left, evenly, Math.floor(max / each)));
    const to = from + count;
    const next = to === call.pieces ? { call: at + 1, piece: 0 } : { call: at, piece: to };
    return { calls: [call], pieces: { from, to }, next, expected: count * each, isGuess: call.ms === undefined };
  }

  /**
   * Records the time of a slice.
   *
   * @param mayBeShort whether the time may be too short: a busy host learns late of the end of earlier work.
   */
  note({ calls, pieces, next }: Slice, milliseconds: number, mayBeShort: boolean): void {
    const share = pieces === undefined ? 1 : (pieces.to - pieces.from) / calls[0].pieces;
    const guessed = share * calls.reduce((sum, call) => sum + this.expected(call), 0);
    if (guessed === 0) return;
    const factor = milliseconds / guessed;
    const sums = new Map<object, { cost: number; ms: number }>();
    for (const call of calls) {
      // The first time replaces the guess; later ones are averaged in, so that a moment of other work does not count
      // for long.
      const isGuess = call.ms === undefined;
      const now = this.expected(call) * (isGuess ? factor : Math.max(LEAST_FACTOR, factor));
      const ms = isGuess || call.ms === undefined || now > call.ms ? now : (call.ms + now) / 2;
      // The first pieces are few, and overhead dominates their time: the call stays a guess until its end.
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
