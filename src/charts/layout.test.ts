import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linearScale, linePath, spreadLabels } from './axis.ts';

describe('linearScale', () => {
  it('maps ends to ends, in either direction, and an empty range to the middle', () => {
    const y = linearScale(0, 1, 200, 0);
    expect([y(0), y(0.5), y(1)]).toEqual([200, 100, 0]);
    expect(linearScale(3, 3, 0, 10)(3)).toBe(5);
  });
});

describe('spreadLabels', () => {
  it('leaves labels that are far enough apart where they are', () => {
    expect(spreadLabels([10, 50, 90], 12, 0, 100)).toEqual([10, 50, 90]);
  });

  it('moves equal labels apart and preserves their order', () => {
    expect(spreadLabels([50, 50], 12, 0, 100)).toEqual([50, 62]);
    expect(spreadLabels([99, 98], 12, 0, 100)).toEqual([100, 88]);
  });

  it('respects distance, limits and order for any labels', () => {
    const labels = fc.array(fc.double({ min: -20, max: 320, noNaN: true }), { maxLength: 40 });
    fc.assert(
      fc.property(labels, fc.double({ min: 1, max: 30, noNaN: true }), (wanted, gap) => {
        const centres = spreadLabels(wanted, gap, 0, 300);
        const room = wanted.length > 1 ? Math.min(gap, 300 / (wanted.length - 1)) : 0;
        const sorted = [...centres].sort((a, b) => a - b);
        sorted.forEach((centre, i) => {
          expect(centre).toBeGreaterThanOrEqual(-1e-9);
          expect(centre).toBeLessThanOrEqual(300 + 1e-9);
          if (i > 0) expect(centre - (sorted[i - 1] ?? 0)).toBeGreaterThanOrEqual(room - 1e-9);
        });
        wanted.forEach((a, i) => {
          wanted.forEach((b, j) => {
            if (a < b) expect(centres[i] ?? 0).toBeLessThanOrEqual(centres[j] ?? 0);
          });
        });
      }),
    );
  });
});

describe('linePath', () => {
  it('lifts the pen at a gap', () => {
    expect(linePath([[0, 1], [2, 3], null, [4, 5]])).toBe('M0.0 1.0L2.0 3.0M4.0 5.0');
    expect(linePath([null])).toBe('');
  });
});
