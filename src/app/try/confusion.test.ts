import { expect, it } from 'vitest';
import type { AnsweredExample } from '../../run/outputs/answers-over-rounds.ts';
import { confusionOf } from './confusion.ts';

const example = (label: string, ...written: string[]): AnsweredExample => ({
  ...{ sentence: '', label, others: [] },
  answers: written.map((text, i) => ({ round: i + 1, written: text, isRight: text === label, rougeL: 0 })),
});

it('counts what was answered instead of each label, and the share of right answers after both rounds', () => {
  const examples = [
    example('warm', 'warm', 'cold'),
    example('warm', 'warm', 'warm'),
    example('cold', 'Warm ', 'tepid'),
  ];
  expect(confusionOf(examples, ['warm', 'cold', 'hot'], { from: 1, to: 2 })).toEqual([
    { label: 'warm', examples: 2, before: 1, after: 0.5, answered: [1, 1, 0, 0] },
    { label: 'cold', examples: 1, before: 0, after: 0, answered: [0, 0, 0, 1] },
  ]);
  expect(confusionOf(examples, ['warm', 'cold'], { from: 0, to: 1 })[1]).toEqual({
    ...{ label: 'cold', examples: 1, before: null, after: 0, answered: [1, 0, 0] },
  });
});
