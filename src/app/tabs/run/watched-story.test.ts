import { expect, test } from 'vitest';
import { embeddedSettings } from '../../../run/planning/presets.ts';
import { startingMethod } from '../../../run/settings/starting-values.ts';
import { watching } from '../../../run/settings/settings.ts';
import { resultsOfScript } from '../../../testing/scripted-results.ts';
import { changeSinceLearned, matrixOf, measuresIn, scoreIn, scoresOf } from '../../state/scores.ts';
import { watchedStory } from './WhatHappened.tsx';

/** A finished run that watched a task with free answers, 71.2 and then 69.8 %. */
function watchedRun(before = 0.712) {
  const results = resultsOfScript(watching(embeddedSettings('quick', 'gorp'), []));
  const report = { kind: 'QA', labels: [], trainExamples: 0, testExamples: 100, watched: true as const };
  const wide = (cells: readonly (number | null)[]) =>
    results.accuracy.exact.map((row, t) => [...row.map(() => null), cells[t] ?? null]);
  return {
    ...results,
    tasks: [...results.tasks, { ...report, name: 'kinds', form: 'free' as const, chanceLoss: 8 }],
    accuracy: {
      exact: results.accuracy.exact.map((row) => [...row, null]),
      ranked: results.accuracy.ranked.map((row) => [...row, null]),
      rougeL: wide([before, 0.7, 0.698]),
      loss: wide([1, 2, 3]),
    },
  };
}

test('says what became of what the model could do before', () => {
  expect(watchedStory(watchedRun())).toEqual([
    'What the model could do before went from 71.2 to 69.8 % words in common, ROUGE-L (kinds), which may be chance.',
  ]);
  const fallen = 'What the model could do before fell from 95.0 to 69.8 % words in common, ROUGE-L (kinds).';
  expect(watchedStory(watchedRun(0.95))).toEqual([`${fallen} gorp protects only what it is taught.`]);
  const plain = watchedRun(0.95);
  expect(
    watchedStory({ ...plain, settings: { ...plain.settings, method: startingMethod('embedded', 'seq-lora') } }),
  ).toEqual([fallen]);
  expect(
    watchedStory({ ...plain, settings: { ...plain.settings, method: startingMethod('embedded', 'gorp-plus') } }),
  ).toEqual([`${fallen} gorp-plus protects only what it is taught, and its rates rise from task to task.`]);
  expect(watchedStory(watchedRun(0.02))).toEqual(['kinds can show nothing: the model was near chance on it before.']);
});

test('shows the own score of a watched task in every view, beside the learned tasks, in no measure', () => {
  const results = watchedRun();
  const { tasks } = results;
  expect(scoresOf(tasks)).toEqual(['exact', 'ranked']);
  expect([scoreIn('ranked', tasks[0]), scoreIn('ranked', tasks[2]), scoreIn('loss', tasks[2])]).toEqual([
    'ranked',
    'rougeL',
    'loss',
  ]);
  const matrix = matrixOf(results, 'ranked');
  expect(matrix.map((row) => row[2])).toEqual([0.712, 0.7, 0.698]);
  expect(matrix[2]?.slice(0, 2)).toEqual(results.accuracy.ranked[2]?.slice(0, 2));
  const { measures, note } = measuresIn(results, 'main');
  expect(measures).toEqual(results.measures.exact);
  expect(note).toBeNull();
});

test('counts the change of a watched task from before training', () => {
  const matrix = matrixOf(watchedRun(), 'main');
  expect(changeSinceLearned(matrix, 2, 2)).toBeCloseTo(-0.014);
  expect(changeSinceLearned(matrix, 0, 0)).toBeNull();
});
