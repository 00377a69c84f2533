import { expect, it } from 'vitest';
import { withSpan } from './Plane.tsx';

it('spans at least ten points, around what there is', () => {
  const rounded = (values: readonly number[]): number[] => withSpan(values).map((value) => Number(value.toFixed(6)));
  expect(rounded([0.7, 0.72])).toEqual([0.7, 0.72, 0.66, 0.76]);
  expect(rounded([0.5, 0.8])).toEqual([0.5, 0.8]);
  expect(rounded([])).toEqual([]);
});
