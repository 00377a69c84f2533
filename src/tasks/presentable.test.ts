import { describe, expect, it } from 'vitest';
import { firstPresentable, isPresentable } from './reading.ts';

describe('isPresentable', () => {
  it.each(['pleasure derived from sexual activities', 'a MURDERER of kings', 'Naked truth'])('refuses “%s”', (text) => {
    expect(isPresentable(text)).toBe(false);
  });

  it.each(['breed of spaniels', 'Essex and Sussex', 'grape juice', 'the bassoon section', 'scrap the drapes'])(
    'shows “%s”',
    (text) => {
      expect(isPresentable(text)).toBe(true);
    },
  );
});

describe('firstPresentable', () => {
  it('takes the first that can be shown, and the very first if none can', () => {
    const textOf = (text: string): string => text;
    expect(firstPresentable(['sex', 'grapes', 'figs'], textOf)).toBe('grapes');
    expect(firstPresentable(['sex', 'murder'], textOf)).toBe('sex');
    expect(firstPresentable([], textOf)).toBeUndefined();
  });
});
