import { expect, it } from 'vitest';
import { suppressedText } from './Spectrum.tsx';

it('says what later tasks can still change', () => {
  expect(suppressedText('gloss', [1, 0.999])).toBe(
    'The 2 main directions of gloss are almost closed to later tasks: 99.9 % or more is suppressed.',
  );
  expect(suppressedText('gloss', [0.999, 0.5])).toBe(
    'Of the 2 main directions of gloss, 1 is almost closed to later tasks: 99 % or more is suppressed. Of the other one, 50.0 % is.',
  );
  expect(suppressedText('gloss', [0.999, 0.6, 0.5])).toBe(
    'Of the 3 main directions of gloss, 1 is almost closed to later tasks: 99 % or more is suppressed. Of each of the others, at least 50.0 % is.',
  );
  expect(suppressedText('gloss', [0.9, 0.5])).toBe(
    'The 2 main directions of gloss are open to later tasks in part: at least 50.0 % of each is suppressed.',
  );
  expect(suppressedText('gloss', [0.5])).toBe(
    'The main direction of gloss is suppressed by 50.0 %; later tasks can use the rest.',
  );
});
