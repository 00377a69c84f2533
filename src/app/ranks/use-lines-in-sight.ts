import { type RefObject, useEffect, useState } from 'react';

/** Lines that scroll by before the lines in sight are looked for again. */
const STEP = 8;

/** The lines of a scrolled list that are in sight, from `from` until before `to`, with a few more on either side. */
export interface LinesInSight {
  readonly from: number;
  readonly to: number;
}

/**
 * Which lines have to be drawn in full. Known from where the list is scrolled to, so that none is seen empty.
 *
 * @param line height of a line, in rem. All are as high.
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
 * The lines in sight after some steps of scrolling. A list that has not been scrolled has no spare lines, so that it opens
 * sooner.
 *
 * @param fit how many lines the list has room for.
 */
export const linesAt = (steps: number, fit: number): LinesInSight => ({
  from: Math.max(0, (steps - 1) * STEP),
  to: (steps === 0 ? 1 : steps + 2) * STEP + fit,
});

const pixels = (rem: number): number => rem * parseFloat(getComputedStyle(document.documentElement).fontSize);
