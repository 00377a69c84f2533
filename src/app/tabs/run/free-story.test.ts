import { expect, test } from 'vitest';
import type { Results } from '../../../run/results/results.ts';
import { quickResults } from '../../../testing/scripted-results.ts';
import { freeStory } from './WhatHappened.tsx';

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
  const later = free([
    [0.2, null],
    [0.5, 0.1],
    [0.5, 0.4],
  ]);
  expect(freeStory(later)[1].text, 'of a task first tested when the model had been taught another').toContain(
    'went from a share of words in common (ROUGE-L) of 10.0 % to 40.0 % when it was learned',
  );
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

test('tasks that count by right answers, exact or ranked, are left to storyOf', () => {
  expect(freeStory(results)).toEqual([]);
  const ranked = results.tasks.map((task) => ({ ...task, score: 'ranked' as const }));
  expect(freeStory({ ...results, tasks: ranked })).toEqual([]);
});

test('a text is described by its loss and its perplexity', () => {
  const tasks = results.tasks.map((task) => ({ ...task, form: 'text' as const }));
  const loss = [
    [3, 3],
    [2, 3],
    [2.5, 1],
  ];
  expect(freeStory({ ...results, tasks, accuracy: { ...results.accuracy, loss } }).map(({ text }) => text)).toEqual([
    `${tasks[0].name} went from a surprise (loss per token) of 3.000 (perplexity 20.1) to 2.000 (perplexity 7.39) when it was learned, and is 2.500 (perplexity 12.2) now, which is worse.`,
    `${tasks[1].name} went from a surprise (loss per token) of 3.000 (perplexity 20.1) to 1.000 (perplexity 2.72) when it was learned.`,
  ]);
});

test('a change of less than a hundredth is none', () => {
  const tasks = results.tasks.map((task) => ({ ...task, form: 'chat' as const }));
  const loss = [
    [3, 3],
    [1.224, 3],
    [1.225, 1],
  ];
  const [first] = freeStory({ ...results, tasks, accuracy: { ...results.accuracy, loss } });
  expect([first.tone, first.text]).toEqual([
    'learned',
    `${tasks[0].name} went from a surprise (loss per token) of 3.000 to 1.224 when it was learned and stayed about there: 1.225 now.`,
  ]);
});
