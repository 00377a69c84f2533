/** A run on the plane: both are better the larger they are. */
export interface PlanePoint {
  readonly justLearned: number;
  readonly backwardTransfer: number;
}

/**
 * The points that no other is better than: none is at least as large in both and larger in one.
 *
 * @returns by rising `justLearned`; equal points once.
 */
export function paretoFront<Point extends PlanePoint>(points: readonly Point[]): Point[] {
  const front: Point[] = [];
  let best = -Infinity;
  const sorted = points.toSorted((a, b) => b.justLearned - a.justLearned || b.backwardTransfer - a.backwardTransfer);
  for (const point of sorted) {
    if (point.backwardTransfer <= best) continue;
    best = point.backwardTransfer;
    front.push(point);
  }
  return front.reverse();
}

/** Whether a point lies on a front; equal points all do. */
export const isOnFront = (point: PlanePoint, front: readonly PlanePoint[]): boolean =>
  front.some(
    ({ justLearned, backwardTransfer }) =>
      justLearned === point.justLearned && backwardTransfer === point.backwardTransfer,
  );
