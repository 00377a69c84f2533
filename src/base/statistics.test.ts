import { expect, test } from 'vitest';
import { studentQuantile, studentShare } from './statistics.ts';

test.each([
  [1, 12.706],
  [2, 4.303],
  [4, 2.776],
  [9, 2.262],
  [29, 2.045],
])('Student’s t has its 95 %% quantile for %i degrees of freedom', (freedom, wanted) => {
  expect(studentQuantile(freedom)).toBeCloseTo(wanted, 3);
  expect(studentShare(wanted, freedom)).toBeCloseTo(0.95, 4);
});
