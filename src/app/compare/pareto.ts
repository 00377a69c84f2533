/** A run in the plane. Larger is better for both measures. */
export interface PlanePoint {
  readonly justLearned: number;
  readonly backwardTransfer: number;
}

/**
 * The points that no other point beats, that is, equals or exceeds in both measures and exceeds in one.
 *
 * @returns by ascending `justLearned`; equal points once.
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

/** Whether a point, or one equal to it, lies on a front. */
export const isOnFront = (point: PlanePoint, front: readonly PlanePoint[]): boolean =>
  front.some(
    ({ justLearned, backwardTransfer }) =>
      justLearned === point.justLearned && backwardTransfer === point.backwardTransfer,
  );
