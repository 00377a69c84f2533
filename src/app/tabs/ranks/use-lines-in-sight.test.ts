import { expect, it } from 'vitest';
import { linesAt } from './RanksMap.tsx';

it('draws all lines that can become visible before the next update', () => {
  const fit = 29;
  for (let top = 0; top <= 200; top++) {
    // The last update saw any line of the same step or of the one before.
    const { from, to } = linesAt(Math.floor(top / 8), fit);
    expect(from, `from line ${top}`).toBeLessThanOrEqual(Math.max(0, top - 8));
    const spare = top < 8 ? 1 : 8; // at least part of a line
    expect(to, `from line ${top}`).toBeGreaterThanOrEqual(top + fit + spare);
    expect(to - from).toBeLessThanOrEqual(fit + 24);
  }
});
