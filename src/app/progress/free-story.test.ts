import { expect, test } from 'vitest';
import type { Results } from '../../run/results.ts';
import { quickResults } from '../testing/scripted-results.ts';
import { freeStory } from './free-story.ts';

const results = quickResults('gorp', 1);

/** The same run of two tasks with free answers, with these ROUGE-L scores. */
function free(rougeL: (number | null)[][]): Results {
  const tasks = results.tasks.map((task) => ({ ...task, form: 'free' as const }));
  return { ...results, tasks, accuracy: { ...results.accuracy, rougeL } };
}

const tones = (rougeL: (number | null)[][]): string[] => freeStory(free(rougeL)).map(({ tone }) => tone);

test('a task with free answers was learned, fell or rose since, or did not change at all', () => {
  expect(
    tones([
      [0.2, 0.1],
      [0.5, 0.1],
      [0.5, 0.4],
    ]),
  ).toEqual(['learned', 'learned']);
  expect(
    tones([
      [0.2, 0.1],
      [0.5, 0.1],
      [0.3, 0.4],
    ]),
  ).toEqual(['fell', 'learned']);
  expect(
    tones([
      [0.2, 0.5],
      [0.3, 0.5],
      [0.4, 0.4],
    ]),
  ).toEqual(['rose', 'fell']);
  expect(
    tones([
      [0, 0],
      [0, 0],
      [0, 0],
    ]),
  ).toEqual(['same', 'same']);
});

test('tasks with labels are left to storyOf', () => {
  expect(freeStory(results)).toEqual([]);
});
