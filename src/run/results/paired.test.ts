import { expect, test } from 'vitest';
import { bitsText, turnedBetween } from './answers.ts';

test('writes four examples to a digit, the first in the highest bit', () => {
  expect(bitsText([])).toBe('');
  expect(bitsText([true])).toBe('8');
  expect(bitsText([false, false, false, true, true, false, true])).toBe('1a');
});

test('counts the answers that turned between two rounds, and knows nothing of tests that it lacks', () => {
  const [before, after] = [
    [true, true, false, false, true],
    [true, false, false, true, false],
  ];
  const right = [
    { round: 1, task: 2, exact: bitsText(before) },
    { round: 3, task: 2, exact: bitsText(after), ranked: 'f' },
    { round: 4, task: 2, exact: 'ff3' },
  ];
  expect(turnedBetween({ right }, 'exact', 1, [1, 3])).toEqual({ wrong: 2, right: 1 });
  expect(turnedBetween({ right }, 'exact', 1, [3, 1])).toEqual({ wrong: 1, right: 2 });
  expect(turnedBetween({ right }, 'ranked', 1, [1, 3])).toBeNull();
  expect(turnedBetween({ right }, 'exact', 0, [1, 3])).toBeNull();
  expect(turnedBetween({ right }, 'exact', 1, [1, 4]), 'other tests').toBeNull();
  expect(turnedBetween({}, 'exact', 1, [1, 3])).toBeNull();
});
