import { expect, test } from 'vitest';
import type { Results } from '../../run/results/results.ts';
import { quickResults } from '../../testing/scripted-results.ts';
import { type ScoreView, sharesOf } from './scores.ts';
import { storyOf } from './story.ts';

const results = quickResults('gorp', 1);
const exact = [
  [0.1, 0.2],
  [0.8, 0.2],
  [0.4, 0.9],
];
const ranked = [
  [0.3, 0.4],
  [0.9, 0.4],
  [0.6, 1],
];

/** A run whose first task counts by its own score. */
const withScores = (first: Partial<Results['tasks'][number]>): Results => ({
  ...results,
  tasks: results.tasks.map((task, j) => (j === 0 ? { ...task, ...first } : task)),
  accuracy: { exact, ranked },
});

test.each<[ScoreView, number[][], string[]]>([
  ['main', [[0.3, 0.2], [0.9, 0.2], [0.6, 0.9]], ['gloss']], // oxfmt-ignore
  ['exact', exact, []],
  ['ranked', ranked, ['gloss', 'field']],
])(
  'a labelled task counts by right answers as the view %s says, otherwise by its main score',
  (view, matrix, names) => {
    expect(sharesOf(withScores({ score: 'ranked' }), view)).toEqual({ matrix, ranked: names });
  },
);

test('the story of a task whose main score is ranked tells its ranked answers', () => {
  const { matrix } = sharesOf(withScores({ score: 'ranked' }), 'main');
  expect(storyOf(results.settings, matrix, [100, 100])?.tasks[0].text).toMatch(
    /^gloss was learned, from 30 % to 90 % of 100 answers, and fell to 60 % /,
  );
});

test('a task that counts by a mean has no share of right answers', () => {
  const { matrix } = sharesOf(withScores({ form: 'free' }), 'exact');
  expect(matrix.map(([first]) => first)).toEqual([null, null, null]);
});
