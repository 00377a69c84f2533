import { expect, it } from 'vitest';
import { measureText } from './Differences.tsx';

it('tells a measure with the width that the charts show', () => {
  expect(measureText([0.5, 0.6], 'deviation', false)).toBe('55.0 ± 7.1');
  // Student's t of two seeds: 12.706 deviations by √2.
  expect(measureText([0.5, 0.6], 'interval', false)).toBe('55.0 ± 63.5');
  expect(measureText([-0.1, null], 'interval', true)).toBe('−10.0');
  expect(measureText([null], 'deviation', false)).toBe('–');
});
