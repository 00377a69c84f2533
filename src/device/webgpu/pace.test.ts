import { describe, expect, it } from 'vitest';
import { Pace, type Paced, type Place, SLICE, type Slice } from './pace.ts';

const [fast, slow] = [{}, {}];
const call = (pipeline: object, cost: number, pieces = 1): Paced => ({ pipeline, cost, pieces });
const START: Place = { call: 0, piece: 0 };

/** All slices of some work. */
function slices(pace: Pace, work: readonly Paced[]): Slice[] {
  const all: Slice[] = [];
  for (let place = START; place.call < work.length; place = all[all.length - 1].next) all.push(pace.cut(work, place));
  return all;
}

/** Whole calls that are timed together. */
const whole = (calls: readonly Paced[]): Slice => ({
  calls,
  next: { call: calls.length, piece: 0 },
  expected: 0,
  isGuess: false,
});

describe('a pace', () => {
  it('runs large calls of a kernel that it does not know alone, and small ones together', () => {
    const [large, small] = [1e9, 1e3];
    const work = [small, small, large, large, small].map((cost) => call(fast, cost));
    expect(slices(new Pace(), work).map(({ calls }) => calls.length)).toEqual([2, 1, 1, 1]);
  });

  it('gives one call at least, however long it takes', () => {
    const pace = new Pace();
    const work = [call(slow, 1), call(slow, 1)];
    pace.note(whole(work), 20 * SLICE, false);
    expect(slices(pace, work).map(({ calls }) => calls.length)).toEqual([1, 1]);
  });

  it('guesses from calls of the same kernel', () => {
    const pace = new Pace();
    pace.note(whole([call(fast, 1e9)]), 10, false);
    pace.note(whole([call(slow, 1e9)]), 1000, false);
    expect(pace.expected(call(fast, 2e9))).toBeCloseTo(20);
    expect(pace.expected(call(slow, 2e6))).toBeCloseTo(2);
  });

  it('fills slices up to their length with calls that were timed', () => {
    const pace = new Pace();
    const work = Array.from({ length: 100 }, () => call(fast, 1e6));
    for (const one of work) pace.note(whole([one]), SLICE / 10, false);
    const lengths = slices(pace, work).map(({ calls }) => calls.length);
    expect(lengths).toEqual(new Array(10).fill(10));
  });

  it('spreads the time of a slice by what was expected, and takes what is longer at once, what is shorter by halves', () => {
    const pace = new Pace();
    const work = [call(fast, 1e6), call(fast, 3e6)];
    pace.note(whole(work), 8, false);
    expect(work.map(({ ms }) => ms)).toEqual([2, 6]);
    pace.note(whole(work), 16, false);
    expect(work.map(({ ms }) => ms)).toEqual([4, 12]);
    pace.note(whole(work), 0, true); // the host learned of two submits at once
    expect(work.map(({ ms }) => ms)).toEqual([3, 9]);
  });

  it('does not guess from a time that may be too short', () => {
    const pace = new Pace();
    pace.note(whole([call(fast, 1e6)]), 5, false);
    pace.note(whole([call(fast, 1e6)]), 0.001, true);
    expect(pace.expected(call(fast, 1e6))).toBeCloseTo(5);
    pace.note(whole([call(fast, 1e6)]), 50, true);
    expect(pace.expected(call(fast, 1e6))).toBeCloseTo(50);
  });

  describe('where one call is longer than a slice', () => {
    const PIECES = 21;
    /** Returns the lengths of a call's pieces, in their order; each is noted to take so long. */
    function run(pace: Pace, work: readonly Paced[], each: number): number[] {
      const counts: number[] = [];
      for (let place = START; place.call < work.length;) {
        const slice = pace.cut(work, place);
        const { from, to } = slice.pieces ?? { from: 0, to: work[place.call].pieces };
        expect(from).toBe(place.piece);
        counts.push(to - from);
        pace.note(slice, each * (to - from), false);
        place = slice.next;
      }
      return counts;
    }

    it('cuts it into pieces that fill slices evenly', () => {
      const pace = new Pace();
      const work = [call(fast, 1e6, PIECES)];
      pace.note(whole(work), 5 * SLICE, false);
      const all = slices(pace, work);
      expect(all.map(({ pieces }) => pieces?.to)).toEqual([4, 8, 12, 15, 18, 21]);
      for (const { expected } of all) expect(expected).toBeLessThanOrEqual(SLICE);
      expect(slices(pace, [call(fast, 1e3), ...work, call(fast, 1e3)]).map(({ calls }) => calls.length)).toEqual(
        new Array(8).fill(1),
      );
    });

    it('begins with one piece of a kernel that is not known, and takes more as it learns', () => {
      const pace = new Pace();
      const work = [call(slow, 1e9, 1000)];
      const counts = run(pace, work, SLICE / 400);
      expect(counts[0]).toBeLessThanOrEqual(2);
      expect(counts[1]).toBe(100); // a fourth of a slice, since it is a guess
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1000);
      expect(work[0].ms).toBeCloseTo((1000 * SLICE) / 400);
      expect(run(pace, work, SLICE / 400)).toEqual([334, 333, 333]);
    });

    it('runs pieces one by one where each is longer than a slice', () => {
      const pace = new Pace();
      const work = [call(slow, 1e9, 3)];
      expect(run(pace, work, 3 * SLICE)).toEqual([1, 1, 1]);
      expect(run(pace, work, 3 * SLICE)).toEqual([1, 1, 1]);
      expect(work[0].ms).toBeCloseTo(9 * SLICE);
    });

    it('leaves alone what cannot be cut', () => {
      const pace = new Pace();
      const work = [call(slow, 1e9)];
      pace.note(whole(work), 20 * SLICE, false);
      expect(slices(pace, work).map(({ pieces }) => pieces)).toEqual([undefined]);
    });
  });
});
