import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { learnToo, moved, onlyTested } from './OrderField.tsx';

describe('moved', () => {
  it.each([
    [0, 2, 'bcad'],
    [2, 0, 'cabd'],
    [1, 1, 'abcd'],
    [3, 0, 'dabc'],
    [-1, 2, 'abcd'],
    [0, 4, 'abcd'],
  ])('moves from %i to %i', (from, to, expected) => {
    const items = [...'abcd'];
    expect(moved(items, from, to).join('')).toBe(expected);
    expect(items.join('')).toBe('abcd');
  });
});

describe('a task that is only tested', () => {
  const draft = { ...embeddedSettings('quick', 'gorp'), order: ['gloss', 'field'] };

  it('leaves the order, and can be learned again, as the last task', () => {
    const tested = onlyTested(draft, 'gloss');
    expect(tested).toMatchObject({ order: ['field'], watch: ['gloss'] });
    expect(learnToo(tested, 'gloss')).toEqual({ ...draft, order: ['field', 'gloss'] });
  });
});
