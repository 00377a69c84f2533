import { expect, it } from 'vitest';
import { labelRows, roundsWithAnswers } from './LabelTable.tsx';

const confusion = [
  {
    round: 2,
    task: 2,
    answers: [
      [0, 0, 1],
      [0, 1, 1],
      [1, 3, 1],
    ],
  },
  {
    round: 1,
    task: 2,
    answers: [
      [0, 0, 2],
      [1, 0, 1],
    ],
  },
  { round: 1, task: 1, answers: [[0, 0, 9]] },
  { round: 3, task: 1, answers: [[0, 0, 4]] },
] satisfies { round: number; task: number; answers: [number, number, number][] }[];

it('says what was answered instead of each label, and the share of right answers after both rounds', () => {
  const labels = ['warm', 'cold', 'hot'];
  expect(labelRows({ confusion }, 1, labels, { from: 1, to: 2 })).toEqual([
    { label: 'warm', examples: 2, before: 1, after: 0.5, answered: [1, 1, 0, 0] },
    { label: 'cold', examples: 1, before: 0, after: 0, answered: [0, 0, 0, 1] },
  ]);
  expect(labelRows({ confusion }, 1, labels, { from: 0, to: 1 })[1]).toEqual({
    label: 'cold',
    examples: 1,
    before: null,
    after: 0,
    answered: [1, 0, 0, 0],
  });
  expect(labelRows({ confusion }, 1, labels, { from: 1, to: 3 })).toEqual([]);
  const [fewer] = labelRows({ confusion }, 0, labels, { from: 1, to: 3 });
  expect(fewer, 'each round by its own tests').toMatchObject({ examples: 4, before: 1, after: 1 });
  expect(labelRows({}, 1, labels, { from: 1, to: 2 })).toEqual([]);
  expect(roundsWithAnswers({ confusion }, 1)).toEqual([1, 2]);
});
