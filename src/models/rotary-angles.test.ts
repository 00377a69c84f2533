import { describe, expect, test } from 'vitest';
import { type RotaryScaling, rotaryFrequencies, rotaryTable } from './rotary-angles.ts';

const of = (ropeScaling: RotaryScaling) => rotaryFrequencies({ headDim: 64, ropeTheta: 500_000, ropeScaling });
const plain = of({ type: 'default' });

describe('rotary frequencies', () => {
  test('fall from 1 by a constant ratio to almost 1 / theta', () => {
    expect(plain[0]).toBe(1);
    for (let e = 1; e < 32; e++) expect(plain[e] / plain[e - 1]).toBeCloseTo(500_000 ** (-1 / 32), 6);
  });

  test('linear scaling divides all of them', () => {
    const scaled = of({ type: 'linear', factor: 4 });
    scaled.forEach((frequency, e) => expect(frequency * 4).toBeCloseTo(plain[e], 12));
  });

  test('llama3 preserves fast ones, divides slow ones, and blends monotonically in between', () => {
    const scaled = of({ type: 'llama3', factor: 32, lowFactor: 1, highFactor: 4, originalPositions: 8192 });
    const kinds = scaled.map((frequency, e) => {
      const length = (2 * Math.PI) / plain[e];
      const ratio = plain[e] / frequency;
      if (length < 8192 / 4) expect(ratio).toBe(1);
      else if (length > 8192) expect(ratio).toBeCloseTo(32, 4);
      else expect(ratio > 1 && ratio < 32).toBe(true);
      return length < 8192 / 4 ? 0 : length > 8192 ? 2 : 1;
    });
    expect(new Set(kinds)).toEqual(new Set([0, 1, 2]));
    expect([...scaled].every((frequency, e) => e === 0 || frequency < scaled[e - 1])).toBe(true);
  });
});

test('the table holds cos and sin of position times frequency', () => {
  const table = rotaryTable({ headDim: 4, ropeTheta: 10_000, ropeScaling: { type: 'default' } }, 301);
  expect([...table.subarray(0, 4)]).toEqual([1, 1, 0, 0]);
  const [a, b] = [300, Math.fround(300 * Math.fround(0.01))];
  [Math.cos(a), Math.cos(b), Math.sin(a), Math.sin(b)].forEach((value, i) =>
    expect(table[300 * 4 + i]).toBeCloseTo(value, 6),
  );
});
