import { describe, expect, it } from 'vitest';
import { changeInterval, smallestFall, wilsonInterval } from './proportions.ts';

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
