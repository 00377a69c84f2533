import { createElement } from 'react';
import { expect, it } from 'vitest';
import { embeddedSettings } from '../../../run/planning/presets.ts';
import type { Results, TaskReport } from '../../../run/results/results.ts';
import { resultsOfScript } from '../../../testing/scripted-results.ts';
import { markup, silentPage, textOf } from '../../testing/markup.ts';
import { CompareTab } from './CompareTab.tsx';

const ORDERS = [
  ['gloss', 'field'],
  ['field', 'gloss'],
];

/** A run that also tests a task, with one accuracy before training and one after it. */
function run(seed: number, order: string[], before: number, now: number): Results {
  const quick = embeddedSettings('quick', 'gorp');
  const settings = { ...quick, order, training: { ...quick.training, seed } };
  const results = resultsOfScript(settings, `2026-12-0${seed}T1${ORDERS.indexOf(order)}:00:00.000Z`);
  const watched: TaskReport = {
    ...results.tasks[0],
    name: 'emoji',
    watched: true,
    labels: ['a', 'b', 'c', 'd'],
    testExamples: 1000,
  };
  const exact = results.accuracy.exact.map((row, round) => [...row, round === 0 ? before : now]);
  return { ...results, tasks: [...results.tasks, watched], accuracy: { ...results.accuracy, exact } };
}

/** _Compare_ over seeds and orders, with the interval. */
function shown(...runs: Results[]): string {
  const page = silentPage();
  const opened = new Map(runs.map((one, i) => [String(i), one]));
  page.store.setState(({ compare }) => ({
    compare: { ...compare, ticked: [...opened.keys()], opened, by: 'orders', band: 'interval' },
  }));
  return textOf(markup(page, createElement(CompareTab))).replaceAll(/\s+/g, ' ');
}

it('takes the mean over the orders of a seed before the interval, of watched tasks too', () => {
  const text = shown(
    ...ORDERS.map((order, i) => run(1, order, 0.5, 0.6 + i / 5)),
    ...ORDERS.map((order, i) => run(2, order, 0.6, 0.7 + i / 5)),
  );
  expect(text).toContain('55.0 ± 63.5 → 75.0 ± 63.5');
  expect(text).toContain('With two seeds');
});

it('counts seeds, not runs, where it says how wide the interval of two is', () => {
  expect(shown(...ORDERS.map((order) => run(1, order, 0.5, 0.6)))).not.toContain('With two seeds');
});
