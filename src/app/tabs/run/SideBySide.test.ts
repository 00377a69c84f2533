import { createElement } from 'react';
import { expect, it } from 'vitest';
import type { Results } from '../../../run/results/results.ts';
import { quickResults, resultsOfScript } from '../../../testing/scripted-results.ts';
import { runKey, summaryOf } from '../../state/history.ts';
import { sameWith } from '../../state/queue.ts';
import { endedRun } from '../../state/run-state.ts';
import { markup, silentPage } from '../../testing/markup.ts';
import { memoryHistory } from '../../testing/stores.ts';
import { besideStory, counterpartOf, SideBySide } from './SideBySide.tsx';
import { WhatHappened } from './WhatHappened.tsx';

const run = quickResults('gorp', 1);
/** The same run without protection. */
const plainRun = (startedAt = '2026-11-24T11:00:00.000Z', seed = 1): Results => {
  const settings = sameWith(run.settings, 'seq-lora');
  return resultsOfScript({ ...settings, training: { ...settings.training, seed } }, startedAt);
};
const other = plainRun();
const otherSeed = plainRun('2026-11-24T12:00:00.000Z', 2);

it('finds the newest finished run that differs in the method alone, whatever the order of its settings', () => {
  const { model, ...others } = run.settings;
  const again = plainRun('2026-11-25T10:00:00.000Z');
  const stopped = { ...other, status: 'stopped' as const };
  const found = (...runs: (typeof run)[]): string | null =>
    counterpartOf(
      { ...others, model },
      'seq-lora',
      runs.map((one) => summaryOf(one, 1)),
    );
  expect(found(otherSeed, again, other)).toBe(runKey(again));
  expect(found(otherSeed, stopped, run)).toBeNull();
  expect(counterpartOf(run.settings, 'seq-lora', [summaryOf(other, null)]), 'only a summary is stored').toBeNull();
});

it('does not take a run for the same that differs in a setting which both methods have', () => {
  const ranked = (results: Results, loraRank: number): Results => ({
    ...results,
    settings: { ...results.settings, method: { ...results.settings.method, loraRank } },
  });
  const found = (one: Results): string | null =>
    counterpartOf(run.settings, 'seq-lora', [summaryOf(ranked(other, one.settings.method.loraRank ?? 0), 1)]);
  expect(found(ranked(run, 8))).toBeNull();
  expect(found(run)).toBe(runKey(other));
});

it('shows a run beside the same one with another method, and offers to train that until there is one', async () => {
  const shown = async (...runs: (typeof run)[]): Promise<string> => {
    const page = silentPage({ history: memoryHistory(runs) });
    await page.load();
    page.store.setState({ run: endedRun(run) });
    return markup(page, createElement(WhatHappened));
  };
  expect(await shown(run, otherSeed)).toContain('the same with seq-lora');
  const both = await shown(run, other);
  expect(both).toContain('Compare all measures and losses');
  expect(both).not.toContain('the same with seq-lora');
});

it('says what both forgot, what they had learned and in what they differ, whichever is shown', () => {
  const falling = (results: Results, backwardTransfer: number, justLearned: number): Results => {
    // Two tasks: the first falls by the transfer, the second was just learned.
    const exact = [
      [0.2, 0.2],
      [justLearned, 0.2],
      [justLearned + backwardTransfer, justLearned],
    ];
    return { ...results, accuracy: { ...results.accuracy, exact } };
  };
  const guarded = falling(run, -0.03, 0.8);
  const plain = falling(other, -0.234, 0.81);
  const story = besideStory(guarded, plain);
  expect(story[0]).toBe(
    'Taught two things in turn, the plain model lost 23 points of what it had learned; the one with gorp lost 3 points.',
  );
  expect(story[1]).toContain('the plain model had 81.0 % in the mean, gorp 80.0 %');
  expect(story.at(-1)).toMatch(
    /^Texts, seed, rank 16 and learning rate 0.001 are the same\. gorp trains [\d,]+ numbers/,
  );
  expect(besideStory(plain, guarded)).toEqual(story);
  expect(besideStory(falling(run, 0.01, 0.8), falling(other, -0.001, 0.8))[0]).toBe(
    'Taught two things in turn, the plain model lost nothing of what it had learned; the one with gorp gained 1 point.',
  );
  const picture = markup(silentPage(), createElement(SideBySide, { results: guarded, other: plain }));
  expect(picture).toContain(story[0]);
  expect(picture.match(/role="img"/g), 'two matrices').toHaveLength(2);
  expect(picture).toContain('Mean accuracy over the tasks learned so far');
  expect(picture.indexOf('aria-label="seq-lora')).toBeLessThan(picture.indexOf('aria-label="gorp'));
});
