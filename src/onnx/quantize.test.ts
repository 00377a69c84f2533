import { describe, expect, it } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { BLOCK, blocksOf, quantize } from './graph-weights.ts';

/** The weights as `MatMulNBits` reads them: (q − zero) · scale. */
function unfolded(
  { numbers, scales }: ReturnType<typeof quantize>,
  rows: number,
  columns: number,
  bits: 4 | 8,
): Float32Array {
  const blocks = blocksOf(columns);
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const place = row * blocks * BLOCK + column;
    const number = bits === 8 ? numbers[place] : (numbers[place >> 1] >> (4 * (place & 1))) & 15;
    return (number - 2 ** (bits - 1)) * scales[row * blocks + Math.floor(column / BLOCK)];
  });
}

describe.each([4, 8] as const)('quantization to %i bits', (bits) => {
  it.each([
    [1, 1],
    [3, 31],
    [2, 32],
    [5, 33],
    [7, 97],
  ])('is within one step of every weight, [%i, %i]', (rows, columns) => {
    const random = seededRandom(rows * columns);
    const weights = Float32Array.from({ length: rows * columns }, () => 4 * random.next() - 2);
    const quantized = quantize(weights, rows, columns, bits);
    expect(quantized.numbers.length).toBe((rows * blocksOf(columns) * BLOCK * bits) / 8);
    expect(quantized.scales.length).toBe(rows * blocksOf(columns));
    unfolded(quantized, rows, columns, bits).forEach((value, at) => {
      const block = Math.floor(at / columns) * blocksOf(columns) + Math.floor((at % columns) / BLOCK);
      const step = Math.abs(quantized.scales[block]);
      // Half a step, but the far end of the range is one step short: zero takes a number from that side.
      expect(Math.abs(value - weights[at])).toBeLessThanOrEqual(step * (1 + 1e-5));
    });
  });

  it('preserves a block of zeros and the largest entry exactly', () => {
    const weights = new Float32Array(2 * BLOCK);
    weights[BLOCK + 3] = -0.75;
    const quantized = quantize(weights, 2, BLOCK, bits);
    expect(quantized.scales[0]).toBe(0);
    expect(unfolded(quantized, 2, BLOCK, bits)).toEqual(weights);
  });
});
