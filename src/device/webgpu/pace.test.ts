import { describe, expect, it } from 'vitest';
import { Pace, type Paced, SLICE } from './pace.ts';

const [fast, slow] = [{}, {}];
const call = (pipeline: object, cost: number): Paced => ({ pipeline, cost });

/** All slices of some work. */
function slices(pace: Pace, work: readonly Paced[]): Paced[][] {
  const all: Paced[][] = [];
  for (let from = 0; from < work.length;) {
    const { to } = pace.cut(work, from);
    all.push(work.slice(from, to));
    from = to;
  }
  return all;
}

describe('a pace', () => {
  it('runs large calls of a kernel that it does not know alone, and small ones together', () => {
    const [large, small] = [1e9, 1e3];
    const work = [small, small, large, large, small].map((cost) => call(fast, cost));
    expect(slices(new Pace(), work).map(({ length }) => length)).toEqual([2, 1, 1, 1]);
  });

  it('gives one call at least, however long it takes', () => {
    const pace = new Pace();
    const work = [call(slow, 1), call(slow, 1)];
    pace.note(work, 20 * SLICE, false);
    expect(slices(pace, work).map(({ length }) => length)).toEqual([1, 1]);
  });

  it('guesses from calls of the same kernel', () => {
    const pace = new Pace();
    pace.note([call(fast, 1e9)], 10, false);
    pace.note([call(slow, 1e9)], 1000, false);
    expect(pace.expected(call(fast, 2e9))).toBeCloseTo(20);
    expect(pace.expected(call(slow, 2e6))).toBeCloseTo(2);
  });

  it('fills slices up to their length with calls that were timed', () => {
    const pace = new Pace();
    const work = Array.from({ length: 100 }, () => call(fast, 1e6));
    for (const one of work) pace.note([one], SLICE / 10, false);
    const lengths = slices(pace, work).map(({ length }) => length);
    expect(lengths).toEqual(new Array(10).fill(10));
  });

  it('spreads the time of a slice by what was expected, and takes what is longer at once, what is shorter by halves', () => {
    const pace = new Pace();
    const work = [call(fast, 1e6), call(fast, 3e6)];
    pace.note(work, 8, false);
    expect(work.map(({ ms }) => ms)).toEqual([2, 6]);
    pace.note(work, 16, false);
    expect(work.map(({ ms }) => ms)).toEqual([4, 12]);
    pace.note(work, 0, true); // the host heard of two submits at once
    expect(work.map(({ ms }) => ms)).toEqual([3, 9]);
  });

  it('does not guess from a time that may be too short', () => {
    const pace = new Pace();
    pace.note([call(fast, 1e6)], 5, false);
    pace.note([call(fast, 1e6)], 0.001, true);
    expect(pace.expected(call(fast, 1e6))).toBeCloseTo(5);
    pace.note([call(fast, 1e6)], 50, true);
    expect(pace.expected(call(fast, 1e6))).toBeCloseTo(50);
  });
});
