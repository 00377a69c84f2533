import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOnFront, paretoFront, type PlanePoint } from './pareto.ts';

const beats = (a: PlanePoint, b: PlanePoint): boolean =>
  a.justLearned >= b.justLearned &&
  a.backwardTransfer >= b.backwardTransfer &&
  (a.justLearned > b.justLearned || a.backwardTransfer > b.backwardTransfer);

describe('paretoFront', () => {
  it('keeps the points that no other beats, by ascending accuracy', () => {
    const point = (justLearned: number, backwardTransfer: number): PlanePoint => ({ justLearned, backwardTransfer });
    const all = [point(0.8, -0.3), point(0.7, -0.1), point(0.6, -0.2), point(0.8, -0.4), point(0.5, 0.1)];
    expect(paretoFront(all)).toEqual([point(0.5, 0.1), point(0.7, -0.1), point(0.8, -0.3)]);
    expect(paretoFront([])).toEqual([]);
  });

  it('beats every point off the front and none on it', () => {
    const share = fc.integer({ min: 0, max: 6 }).map((n) => n / 6);
    const points = fc.array(fc.record({ justLearned: share, backwardTransfer: share }), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(points, (all) => {
        const front = paretoFront(all);
        for (const one of front) expect(all.some((other) => beats(other, one))).toBe(false);
        for (const one of all) expect(isOnFront(one, front)).toBe(!all.some((other) => beats(other, one)));
        for (const one of all.filter((other) => !front.includes(other)))
          expect(
            front.some(
              (other) =>
                beats(other, one) ||
                (other.justLearned === one.justLearned && other.backwardTransfer === one.backwardTransfer),
            ),
          ).toBe(true);
      }),
    );
  });
});
