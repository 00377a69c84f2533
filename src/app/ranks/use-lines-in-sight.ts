import { type RefObject, useEffect, useState } from 'react';

/** Lines to scroll before the visible lines are computed again. */
const STEP = 8;

/** The visible lines of a scrolled list, from `from` up to but excluding `to`, with a few more on either side. */
export interface LinesInSight {
  readonly from: number;
  readonly to: number;
}

/**
 * The lines to draw in full, computed from the scroll position so that none is seen empty.
 *
 * @param line height of each line, in rem.
 * @param room height of the list, in rem.
 */
export function useLinesInSight(frame: RefObject<HTMLElement | null>, line: number, room: number): LinesInSight {
  const [steps, setSteps] = useState(0);
  useEffect(() => {
    const list = frame.current;
    if (list === null) return undefined;
    const look = (): void => setSteps(Math.floor(list.scrollTop / (STEP * pixels(line))));
    list.addEventListener('scroll', look, { passive: true });
    return () => list.removeEventListener('scroll', look);
  }, [frame, line]);
  return linesAt(steps, Math.ceil(room / line));
}

/**
 * The visible lines after a number of scroll steps. Before scrolling there are fewer spare lines, so that the list
 * opens sooner.
 *
 * @param fit number of lines that the list has room for.
 */
export const linesAt = (steps: number, fit: number): LinesInSight => ({
  from: Math.max(0, (steps - 1) * STEP),
  to: (steps === 0 ? 1 : steps + 2) * STEP + fit,
});

const pixels = (rem: number): number => rem * parseFloat(getComputedStyle(document.documentElement).fontSize);
