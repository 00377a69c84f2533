import { expect, it } from 'vitest';
import { tokenChooser } from './answers.ts';

const LOGITS = Float32Array.from([0, Math.log(6), Math.log(3), -50]);

/** How often each token is chosen in 2,000 draws. */
function counts(temperature: number, seed: number): number[] {
  const choose = tokenChooser({ temperature, seed });
  const found = [0, 0, 0, 0];
  for (let i = 0; i < 2000; i++) found[choose(LOGITS)]++;
  return found;
}

it('takes the likeliest token at temperature 0, the first on a tie', () => {
  expect(counts(0, 1)).toEqual([0, 2000, 0, 0]);
  expect(tokenChooser({ temperature: 0, seed: 1 })(Float32Array.from([1, 2, 2]))).toBe(1);
});

it('draws tokens by their probability: the same for a seed, flatter at a higher temperature, never the unlikely', () => {
  const warm = counts(1, 1);
  expect(counts(1, 1)).toEqual(warm);
  expect(counts(1, 2)).not.toEqual(warm);
  // 6 : 3 : 1 of 10; three standard deviations of 2,000 draws are 3.3 points.
  for (const [i, share] of [0.1, 0.6, 0.3, 0].entries()) expect(Math.abs(warm[i] / 2000 - share)).toBeLessThan(0.034);
  expect(counts(5, 1)[0]).toBeGreaterThan(warm[0]);
  expect(counts(0.2, 1)[1]).toBeGreaterThan(warm[1]);
});
