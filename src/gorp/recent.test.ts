import { expect, test } from 'vitest';
import { RecentMap } from './part/gradient-programs.ts';

test('holds the most recently used entries and drops each entry once', () => {
  const dropped: number[] = [];
  const map = new RecentMap<number>(2, (value) => dropped.push(value));
  map.set('a', 1);
  map.set('b', 2);
  expect(map.get('a')).toBe(1);
  map.set('c', 3);
  expect(dropped).toEqual([2]);
  expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([1, undefined, 3]);
  map.set('c', 4);
  expect(dropped).toEqual([2, 3]);
  map.clear();
  expect(dropped.slice().sort()).toEqual([1, 2, 3, 4]);
  expect([map.get('a'), map.get('c')]).toEqual([undefined, undefined]);
});
