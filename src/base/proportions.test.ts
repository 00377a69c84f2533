import { describe, expect, it } from 'vitest';
import { changeInterval, LEAST_TURNED, mcnemarP, pairedInterval, smallestFall, wilsonInterval } from './proportions.ts';
import { seededRandom } from './random.ts';

describe('wilsonInterval', () => {
  it('is Wilson’s score interval', () => {
    const [low, high] = wilsonInterval(0.5, 100);
    expect(low).toBeCloseTo(0.4038, 3);
    expect(high).toBeCloseTo(0.5962, 3);
    expect(wilsonInterval(0, 10)[0]).toBeCloseTo(0);
    expect(wilsonInterval(1, 10)[1]).toBeCloseTo(1);
    expect(wilsonInterval(0, 10)[1]).toBeCloseTo(0.2775, 3);
  });
});

describe('changeInterval', () => {
  it('equals Newcombe’s published example, 56 of 70 against 48 of 80', () => {
    const [low, high] = changeInterval({ share: 48 / 80, count: 80 }, { share: 56 / 70, count: 70 });
    expect(low).toBeCloseTo(0.0524, 4);
    expect(high).toBeCloseTo(0.3339, 4);
  });

  it('mirrors when before and after are exchanged', () => {
    const [one, other] = [
      { share: 0.79, count: 100 },
      { share: 0.41, count: 100 },
    ];
    const [low, high] = changeInterval(one, other);
    const [back, forth] = changeInterval(other, one);
    expect(low).toBeCloseTo(-forth, 12);
    expect(high).toBeCloseTo(-back, 12);
  });
});

describe('smallestFall', () => {
  it('is the first fall that cannot be chance', () => {
    expect(smallestFall({ share: 0.8, count: 100 })).toBeCloseTo(0.13, 12);
    expect(changeInterval({ share: 0.8, count: 100 }, { share: 0.67, count: 100 })[1]).toBeLessThan(0);
    expect(changeInterval({ share: 0.8, count: 100 }, { share: 0.68, count: 100 })[1]).toBeGreaterThan(0);
  });

  it('is null where no fall can be told from chance', () => {
    expect(smallestFall({ share: 0.25, count: 4 })).toBeNull();
    expect(smallestFall({ share: 0, count: 100 })).toBeNull();
  });
});

describe('tests of the same examples', () => {
  // From mcnemar(…, exact=True) of statsmodels 0.14.
  it.each([
    { wrong: 19, right: 7, p: 0.028959274291992188 },
    { wrong: 42, right: 30, p: 0.1945051658673991 },
    { wrong: 100, right: 60, p: 0.001953728034064355 },
    { wrong: 1060, right: 1000, p: 0.19361414122336676 },
    { wrong: 0, right: 0, p: 1 },
    { wrong: 1, right: 1, p: 1 },
  ])('has McNemar’s exact p of $wrong and $right', ({ wrong, right, p }) => {
    expect(mcnemarP({ wrong, right })).toBeCloseTo(p, 6);
    expect(mcnemarP({ wrong: right, right: wrong })).toBe(mcnemarP({ wrong, right }));
  });

  it('needs this many answers to turn one way', () => {
    expect(mcnemarP({ wrong: LEAST_TURNED, right: 0 })).toBeLessThan(0.05);
    expect(mcnemarP({ wrong: LEAST_TURNED - 1, right: 0 })).toBeGreaterThan(0.05);
  });

  it('has an interval that holds the true change in about 95 % of samples, narrower than for other examples', () => {
    const random = seededRandom(7);
    const [count, samples] = [100, 2000];
    // Right in both 55 %, turned wrong 15 %, turned right 5 %: a change of −10 points.
    let [held, narrower] = [0, 0];
    for (let i = 0; i < samples; i++) {
      const cells = [0, 0, 0, 0];
      for (let j = 0; j < count; j++) {
        const at = random.next();
        cells[at < 0.55 ? 0 : at < 0.7 ? 1 : at < 0.75 ? 2 : 3]++;
      }
      const [both, wrong, right] = cells;
      const before = { share: (both + wrong) / count, count };
      const [low, high] = pairedInterval(before, { wrong, right });
      if (low <= -0.1 && -0.1 <= high) held++;
      const [wideLow, wideHigh] = changeInterval(before, { share: (both + right) / count, count });
      if (high - low < wideHigh - wideLow) narrower++;
    }
    expect(held / samples).toBeGreaterThan(0.93);
    expect(held / samples).toBeLessThan(0.97);
    expect(narrower / samples).toBeGreaterThan(0.99);
  });

  it('mirrors when before and after are exchanged, and is whole at the ends', () => {
    const [low, high] = pairedInterval({ share: 0.7, count: 100 }, { wrong: 19, right: 7 });
    const [back, forth] = pairedInterval({ share: 0.58, count: 100 }, { wrong: 7, right: 19 });
    expect(back).toBeCloseTo(-high, 12);
    expect(forth).toBeCloseTo(-low, 12);
    const ends = pairedInterval({ share: 1, count: 50 }, { wrong: 0, right: 0 });
    expect(ends.every(Number.isFinite)).toBe(true);
  });
});
