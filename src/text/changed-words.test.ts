import { expect, test } from 'vitest';
import { changedWords, type Piece } from './changed-words.ts';

const marked = (pieces: readonly Piece[]): string =>
  pieces.map(({ text, differs }) => (differs ? `[${text}]` : text)).join('');

const beside = (written: string, right: string): [string, string] => {
  const found = changedWords(written, right);
  expect(found.written.map(({ text }) => text).join('')).toBe(written);
  expect(found.right.map(({ text }) => text).join('')).toBe(right);
  return [marked(found.written), marked(found.right)];
};

test('marks the words outside the longest common subsequence, in both texts', () => {
  expect(beside('The capital is Lyon, a city.', 'The capital of France is Paris')).toEqual([
    'The capital is [Lyon, a city].',
    'The capital [of France] is [Paris]',
  ]);
});

test('ignores case, punctuation and spacing', () => {
  expect(beside('Yes!  It IS.', 'yes it is')).toEqual(['Yes!  It IS.', 'yes it is']);
});

test('splits languages without spaces', () => {
  expect(beside('我喜欢猫', '我喜欢狗')).toEqual(['我喜欢[猫]', '我喜欢[狗]']);
});

test('an empty answer lacks every word', () => {
  expect(beside('', 'two words')).toEqual(['', '[two words]']);
  expect(beside('…', '')).toEqual(['…', '']);
});

test('texts of a hundred thousand words are compared at their beginning', () => {
  const long = 'same '.repeat(100_000);
  const { written } = changedWords(long, long);
  expect(written.map(({ differs }) => differs)).toEqual([false, true, false]);
  expect(written[0].text.trim().split(' ')).toHaveLength(2000);
});
