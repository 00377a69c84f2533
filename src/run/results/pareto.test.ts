import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Point, isOnFront, paretoFront } from '../../base/statistics.ts';

const frontOf = (points: readonly Point[]): Point[] => paretoFront(points, (point) => point);

const beats = (a: Point, b: Point): boolean => a.x >= b.x && a.y >= b.y && (a.x > b.x || a.y > b.y);

describe('paretoFront', () => {
  it('keeps the points that no other beats, by ascending accuracy', () => {
    const point = (x: number, y: number): Point => ({ x, y });
    const all = [point(0.8, -0.3), point(0.7, -0.1), point(0.6, -0.2), point(0.8, -0.4), point(0.5, 0.1)];
    expect(frontOf(all)).toEqual([point(0.5, 0.1), point(0.7, -0.1), point(0.8, -0.3)]);
    expect(frontOf([])).toEqual([]);
  });

  it('beats every point off the front and none on it', () => {
    const share = fc.integer({ min: 0, max: 6 }).map((n) => n / 6);
    const points = fc.array(fc.record({ x: share, y: share }), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(points, (all) => {
        const front = frontOf(all);
        for (const one of front) expect(all.some((other) => beats(other, one))).toBe(false);
        for (const one of all) expect(isOnFront(one, front)).toBe(!all.some((other) => beats(other, one)));
        for (const one of all.filter((other) => !front.includes(other)))
          expect(front.some((other) => beats(other, one) || (other.x === one.x && other.y === one.y))).toBe(true);
      }),
    );
  });
});
