/** A point in a plane. Larger is better in both values. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * The Pareto front: the points that no other beats, that is, equals or exceeds in both values and exceeds in one.
 *
 * @param at where a point lies.
 * @returns by ascending x; equal points once.
 */
export function paretoFront<P>(points: readonly P[], at: (point: P) => Point): P[] {
  const front: P[] = [];
  let best = -Infinity;
  const placed = points.map((point) => ({ point, ...at(point) }));
  for (const { point, y } of placed.sort((a, b) => b.x - a.x || b.y - a.y)) {
    if (y <= best) continue;
    best = y;
    front.push(point);
  }
  return front.reverse();
}

/** Whether a point, or one equal to it, lies on a front. */
export const isOnFront = ({ x, y }: Point, front: readonly Point[]): boolean =>
  front.some((one) => one.x === x && one.y === y);
