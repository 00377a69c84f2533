import { describe, expect, it } from 'vitest';
import { bfloat16ToFloat32, float32ToHalf, halfToFloat32 } from './half.ts';

const ALL = Uint16Array.from({ length: 65536 }, (_, i) => i);
const bitsOf = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0];
const fromBits = (bits: number): number => new Float32Array(Uint32Array.of(bits).buffer)[0];

/** The value of a half by the formula of IEEE 754, in doubles. */
function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The next float32 away from zero, or towards it. */
const away = (value: number): number => fromBits(bitsOf(value) + 1);
const towards = (value: number): number => fromBits(bitsOf(value) - 1);

describe('half precision', () => {
  it('reads every one of the 65536 halves exactly', () => {
    const values = halfToFloat32(ALL);
    const wrong = [...ALL].filter((half) => !Object.is(values[half], halfValue(half)));
    expect(wrong).toEqual([]);
  });

  it('writes every half back unchanged, and NaN as NaN', () => {
    const back = float32ToHalf(halfToFloat32(ALL));
    const isNaNHalf = (half: number): boolean => (half & 0x7fff) > 0x7c00;
    const wrong = [...ALL].filter((half) => (isNaNHalf(half) ? !isNaNHalf(back[half]) : back[half] !== half));
    expect(wrong).toEqual([]);
  });

  it('rounds to the nearest half and ties to even, between all neighbours', () => {
    const wrong: number[] = [];
    for (let half = 0; half < 0x7c00; half++) {
      // After the largest half comes 65536, which stands for infinity.
      const above = half === 0x7bff ? 65536 : halfValue(half + 1);
      const middle = (halfValue(half) + above) / 2;
      const even = half % 2 === 0 ? half : half + 1;
      const rounded = float32ToHalf(Float32Array.of(towards(middle), middle, away(middle), -middle));
      const expected = [half, even, half + 1, even | 0x8000];
      if (expected.some((bits, i) => rounded[i] !== bits)) wrong.push(half);
    }
    expect(wrong).toEqual([]);
  });

  it('converts zeros, infinities and values beyond the range', () => {
    const values = Float32Array.of(0, -0, Infinity, -Infinity, 3e38, -3e38, 1e-45, -1e-45, 2 ** -25, 2 ** -24);
    expect([...float32ToHalf(values)]).toEqual([0, 0x8000, 0x7c00, 0xfc00, 0x7c00, 0xfc00, 0, 0x8000, 0, 1]);
  });

  it('converts a NaN whose payload does not fit to NaN', () => {
    const [half] = float32ToHalf(new Float32Array(Uint32Array.of(0x7f800001).buffer));
    expect(halfToFloat32(Uint16Array.of(half))[0]).toBeNaN();
  });

  it('converts part of a larger array', () => {
    const whole = Float32Array.of(9, 1, 2, 9);
    expect([...halfToFloat32(float32ToHalf(whole.subarray(1, 3)))]).toEqual([1, 2]);
    expect(float32ToHalf(new Float32Array())).toHaveLength(0);
  });
});

describe('bfloat16', () => {
  it('is the upper half of a float32, for every pattern', () => {
    const bits = new Uint32Array(bfloat16ToFloat32(ALL).buffer);
    expect([...ALL].filter((value) => bits[value] !== value * 65536)).toEqual([]);
    expect([...bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc000, 0x0001, 0xff80))]).toEqual([
      1,
      -2,
      2 ** -133,
      -Infinity,
    ]);
    expect(bfloat16ToFloat32(Uint16Array.of(0x7fc0))[0]).toBeNaN();
  });
});
