import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EvenSamples } from './samples.ts';

it('stores everything while there is room, then an even selection that begins with the first', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 2000 }), (half, count) => {
      const max = 2 * half;
      const samples = new EvenSamples<number>(max);
      for (let i = 0; i < count; i++) samples.add(i);
      const { kept } = samples;
      if (count < max) expect(kept).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(kept.length).toBeLessThan(max + 1);
      const gaps = new Set(kept.slice(1).map((at, i) => at - kept[i]));
      expect(gaps.size).toBeLessThan(2);
      if (count > 0) expect(kept[0]).toBe(0);
      // The end is covered: the next sample would lie after it.
      if (kept.length > 1) expect(kept[kept.length - 1] + [...gaps][0]).toBeGreaterThanOrEqual(count - 1);
    }),
  );
});
