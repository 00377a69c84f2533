import { createElement } from 'react';
import { expect, it } from 'vitest';
import { quickResults } from '../../../testing/scripted-results.ts';
import { runKey, summaryOf } from '../../state/history.ts';
import { endedRun } from '../../state/run-state.ts';
import { markup, silentPage } from '../../testing/markup.ts';
import { memoryHistory } from '../../testing/memory-history.ts';
import { counterpartOf, WhatHappened } from './WhatHappened.tsx';

const run = quickResults('gorp', 1);
const other = quickResults('seq-lora', 1);
const otherSeed = quickResults('seq-lora', 2);

it('finds the newest finished run that differs in the method alone, whatever the order of its settings', () => {
  const { model, ...others } = run.settings;
  const again = quickResults('seq-lora', 1, '2026-11-25T10:00:00.000Z');
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

it('compares a run with the same one with another method by one button, and offers to run that until there is one', async () => {
  const shown = async (...runs: (typeof run)[]): Promise<string> => {
    const page = silentPage({ history: memoryHistory(runs) });
    await page.load();
    page.store.setState({ run: endedRun(run) });
    return markup(page, createElement(WhatHappened));
  };
  expect(await shown(run, otherSeed)).toContain('The same with seq-lora');
  const both = await shown(run, other);
  expect(both).toContain('Compare with seq-lora');
  expect(both).not.toContain('The same with seq-lora');
});
