import { createElement } from 'react';
import { expect, it } from 'vitest';
import { embeddedSettings } from '../../../run/planning/presets.ts';
import { withText } from '../../../run/settings/settings.ts';
import { resultsOfScript } from '../../../testing/scripted-results.ts';
import { IDLE } from '../../state/run-state.ts';
import { markup, silentPage, textOf } from '../../testing/markup.ts';
import { AccuracyMatrix, cellWithin } from './Accuracy.tsx';
import { WhatHappened } from './WhatHappened.tsx';

/** The page after a run that was measured by a general text, or by none. */
function after(generalText: 'included' | 'none') {
  const settings = withText(embeddedSettings('quick', 'seq-lora'), generalText);
  const results = resultsOfScript(settings, '2026-11-24T16:05:00.000Z');
  const page = silentPage();
  page.store.setState({ run: { ...IDLE, status: 'finished', settings, results } });
  return page;
}

it('has a column for the loss on general text, whose cells say how it changed', () => {
  const html = markup(after('included'), createElement(AccuracyMatrix));
  expect(html).toMatch(/<th[^>]*title="general text"/);
  expect(textOf(html)).not.toMatch(/general text\s+only tested/);
  const cells = [0, 1, 2].map((round) => new RegExp(`cell-${round}-2"[^>]*aria-label="([^"]*)"`).exec(html)?.[1]);
  expect(cells[0]).toBe('general text before training: loss 3.178 per token, 1.15 bits a byte.');
  expect(cells[2]).toMatch(
    /^general text after emoji: loss 3\.413 per token, 1\.23 bits a byte; \+0\.235 since before training, 95 % interval \+0\.21\d to \+0\.25\d; KL 0\.120 per token\.$/,
  );
});

it('has none if it was not measured', () => {
  const page = after('none');
  expect(markup(page, createElement(AccuracyMatrix))).not.toContain('general text');
  expect(markup(page, createElement(WhatHappened))).not.toContain('general text');
});

it('comes with a sentence on what happened', () => {
  expect(textOf(markup(after('included'), createElement(WhatHappened)))).toMatch(
    /It models general text worse: 3\.18 → 3\.41 nats a token \(\+0\.23, 95 % interval \+0\.21 to \+0\.26 over 8 passages; 1\.15 → 1\.23 bits a byte\)\. It moved from the base model \(KL\) by 0\.12 nats a token there, 1\.5 in answers to test prompts\./,
  );
});

it('stays in the tab order when a run with fewer rows or columns takes the place of another', () => {
  const rows = [0, 1, 2].map((round) => ({ round }));
  expect(cellWithin(rows, 3, [1, 2])).toEqual([1, 2]);
  expect(cellWithin(rows, 2, [4, 3])).toEqual([2, 1]);
  expect(cellWithin([{ round: 0 }, { round: 4 }], 4, [2, 3]), 'all tasks at once').toEqual([0, 3]);
  expect(cellWithin(rows, 0, [0, 0]), 'no tasks yet').toEqual([0, 0]);
});
