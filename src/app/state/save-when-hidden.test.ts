import { expect, it } from 'vitest';
import { saveWhenHidden, type Visibility } from './awake.ts';

it('saves the run when the page is hidden, but not when it is shown', () => {
  let hear = (): void => undefined;
  const page: Visibility = {
    visibilityState: 'visible',
    addEventListener: (_, listener) => (hear = listener),
  };
  let saved = 0;
  saveWhenHidden({ saveNow: () => (saved += 1) }, page);
  hear();
  expect(saved).toBe(0);
  Object.assign(page, { visibilityState: 'hidden' });
  hear();
  expect(saved).toBe(1);
});
