import { expect, it } from 'vitest';
import { typedSince } from './RunLabelFields.tsx';

it('leaves what was typed while a label was being saved', () => {
  const saved = { name: 'first', notes: '' };
  expect(typedSince({ name: 'first', notes: 'typed meanwhile' }, saved)).toEqual({ notes: 'typed meanwhile' });
  expect(typedSince({ name: 'first' }, saved)).toEqual({});
  expect(typedSince({ name: '' }, saved), 'cleared meanwhile').toEqual({ name: '' });
});
