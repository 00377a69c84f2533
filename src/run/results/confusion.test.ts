import { expect, test } from 'vitest';
import { quickResults } from '../../testing/scripted-results.ts';
import { answersAt, confusionFault, countAnswers } from './answers.ts';

test('answers are counted by right label and by answer, as exact match compares them', () => {
  const right = ['warm', 'warm', 'warm', 'cold', 'cold'];
  const written = ['warm', ' Cold.', 'tepid', 'cold', 'cold'];
  expect(countAnswers(['warm', 'cold', 'hot'], right, written)).toEqual([
    [0, 0, 1],
    [0, 1, 1],
    [0, 3, 1],
    [1, 1, 2],
  ]);
});

test('results whose answers contradict their accuracies or tasks are found out', () => {
  const results = quickResults('gorp', 1);
  const answers = answersAt(results, 1, 0) ?? [];
  expect(answers.length).toBeGreaterThan(1);
  expect(confusionFault(results)).toBeNull();
  const given = (entry: Partial<NonNullable<typeof results.confusion>[number]>): string | null =>
    confusionFault({ ...results, confusion: [{ round: 1, task: 1, answers: [...answers], ...entry }] });
  expect(given({})).toBeNull();
  expect(given({ task: 9 })).toMatch('that its tests do not have');
  expect(given({ answers: [[0, 99, 1]] })).toMatch('labels that the task does not have');
  expect(given({ answers: answers.slice(1) })).toMatch('does not give its accuracy');
  expect(confusionFault({ ...results, confusion: [...(results.confusion ?? []), results.confusion![0]] })).toMatch(
    'that its tests do not have',
  );
});
