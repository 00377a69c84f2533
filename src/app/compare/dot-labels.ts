/** A point of a drawing, in CSS pixels. */
interface Place {
  readonly x: number;
  readonly y: number;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Position of a label: `y` is its vertical middle, `anchor` the part of it at `x`. */
export interface DotLabel extends Place {
  readonly anchor: 'start' | 'middle' | 'end';
}

/** Distance from the middle of a dot to a label beside it, and to the middle of one above or below. */
const BESIDE = 11;
const ABOVE = 17;
/** Half the height of a label. */
const HALF = 8;
const RADIUS = 6;

/**
 * Places labels beside, above or below their dots, where they cover the fewest dots and labels and stay in the frame.
 *
 * @param dots all dots drawn.
 * @param named the dots that have labels, with the width of each label.
 */
export function dotLabels(
  dots: readonly Place[],
  named: readonly { readonly dot: number; readonly width: number }[],
  frame: Box,
): DotLabel[] {
  const taken = dots.map(({ x, y }): Box => ({
    left: x - RADIUS,
    right: x + RADIUS,
    top: y - RADIUS,
    bottom: y + RADIUS,
  }));
  return named.map(({ dot, width }) => {
    const places = placesAround(dots[dot]).map((label) => ({ label, box: boxOf(label, width) }));
    const costs = places.map(
      ({ box }) => taken.filter((other) => overlap(box, other)).length + (isInside(box, frame) ? 0 : taken.length + 1),
    );
    const { label, box } = places[costs.indexOf(Math.min(...costs))];
    taken.push(box);
    return label;
  });
}

const ANCHORS = ['middle', 'start', 'end'] as const;

const placesAround = ({ x, y }: Place): DotLabel[] => [
  { x: x + BESIDE, y, anchor: 'start' },
  { x: x - BESIDE, y, anchor: 'end' },
  ...[y - ABOVE, y + ABOVE].flatMap((height) => ANCHORS.map((anchor) => ({ x, y: height, anchor }))),
];

function boxOf({ x, y, anchor }: DotLabel, width: number): Box {
  const left = anchor === 'start' ? x : anchor === 'end' ? x - width : x - width / 2;
  return { left, right: left + width, top: y - HALF, bottom: y + HALF };
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

const isInside = (box: Box, frame: Box): boolean =>
  box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
