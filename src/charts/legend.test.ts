import { describe, expect, it } from 'vitest';
import { legendPlaces } from './chart.ts';

describe('legendPlaces', () => {
  it('starts a new row where an entry does not fit, and cuts a name longer than a row', () => {
    const { names, places, rows } = legendPlaces(['gorp', 'seq-lora', 'x'.repeat(100)], 200);
    expect(places.map(({ row }) => row)).toEqual([0, 0, 1]);
    expect(rows).toBe(2);
    expect(names[2].endsWith('…')).toBe(true);
    expect(names[2].length).toBeLessThan(30);
    expect(legendPlaces([], 200).rows).toBe(0);
  });
});
