import { expect, test } from 'vitest';
import { tabOf } from './App.tsx';

test('entries of other pages and of earlier versions name no tab', () => {
  expect(tabOf({ tab: 'ranks' })).toBe('ranks');
  for (const state of [null, undefined, 3, {}, { tab: 'gone' }, { tab: 1 }]) expect(tabOf(state)).toBeNull();
});
