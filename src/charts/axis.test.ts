import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { axisOver, axisScale, axisTicks } from './axis.ts';

describe('axisTicks', () => {
  it('gives round values', () => {
    expect(axisTicks({ from: 0, to: 1, isLog: false }, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(axisTicks({ from: -0.23, to: 0.02, isLog: false }, 5)).toEqual([-0.2, -0.15, -0.1, -0.05, 0]);
    expect(axisTicks({ from: 0.1, to: 4, isLog: true }, 5)).toEqual([0.1, 0.2, 0.5, 1, 2]);
    expect(axisTicks({ from: 1e-4, to: 1e3, isLog: true }, 5)).toEqual([1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000]);
  });

  it('stays within the axis and near the number asked for', () => {
    const ends = fc.tuple(
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
    );
    fc.assert(
      fc.property(ends, fc.integer({ min: 2, max: 12 }), ([from, length], count) => {
        const to = from + length;
        const ticks = axisTicks({ from, to, isLog: false }, count);
        expect(ticks.length).toBeLessThanOrEqual(count + 2);
        for (const tick of ticks) {
          expect(tick).toBeGreaterThanOrEqual(from - length * 1e-6);
          expect(tick).toBeLessThanOrEqual(to + length * 1e-6);
        }
      }),
    );
  });
});

describe('axisScale', () => {
  it('maps 0 and below to null on a logarithmic axis', () => {
    const scale = axisScale({ from: 0.01, to: 1, isLog: true }, 0, 200);
    expect([scale(0.1), scale(0), scale(-1)]).toEqual([100, null, null]);
  });
});

describe('axisOver', () => {
  it('spans every value with a margin, on a logarithmic axis every positive one', () => {
    const linear = axisOver([null, 2, 4], false);
    expect([linear.from < 2, linear.to > 4]).toEqual([true, true]);
    const log = axisOver([0, 0.1, 10], true);
    expect([log.from > 0, log.from < 0.1, log.to > 10]).toEqual([true, true, true]);
    expect(axisOver([], false)).toEqual({ from: 0, to: 1, isLog: false });
    const single = axisOver([5], false);
    expect(single.from < 5 && single.to > 5).toBe(true);
  });
});
