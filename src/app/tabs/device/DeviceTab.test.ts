import { createElement } from 'react';
import { expect, test, vi } from 'vitest';
import { embeddedSettings } from '../../../run/planning/presets.ts';
import type { Page } from '../../state/page.ts';
import { startingRun } from '../../state/run-state.ts';
import { markup, silentPage, textOf } from '../../testing/markup.ts';
import { scriptedBench } from '../../testing/scripted-bench.ts';
import { DeviceTab } from './DeviceTab.tsx';

const shown = (page: Page): string => {
  vi.stubGlobal('navigator', { storage: {} });
  vi.stubGlobal('isSecureContext', true);
  return textOf(markup(page, createElement(DeviceTab)));
};

/** A page on which a measurement has ended as `kind` says. */
function measured(kind: string): Page {
  const page = silentPage({ bench: scriptedBench(kind) });
  page.bench.describe();
  page.bench.measure();
  return page;
}

test('before a measurement: what the device can do, and no results', () => {
  const page = silentPage({ bench: scriptedBench('done') });
  expect(shown(page)).toContain('Reading what the device can do');
  page.bench.describe();
  const text = shown(page);
  expect(text).toContain('NVIDIA GeForce RTX 3060 Laptop GPU');
  expect(text).toContain('Measure');
  expect(text).not.toContain('Save as JSON');
});

test('in progress: the part and the time, with Stop and without files', () => {
  const text = shown(measured('measuring'));
  expect(text).toContain('Part 3 of 4: encoder block');
  expect(text).toContain('of at most 60 s');
  expect(text).toContain('Stop measuring');
  expect(text).not.toContain('Save as JSON');
});

test('done: numbers, parts that were not run with the reason, and both files', () => {
  const text = shown(measured('done'));
  expect(text).toContain('2210 to 6120 GFLOP per second');
  expect(text).toContain('block-128x128');
  expect(text).toMatch(/Not run: *2 parts/);
  expect(text).toContain('Save as JSON');
  expect(text).toContain('Copy as Markdown');
});

test('a device that was lost in a part, and one that never opened', () => {
  const lost = shown(measured('lost'));
  expect(lost).toContain('Failed: encoder block');
  expect(lost).toContain('device/lost');
  expect(lost).toContain('embedded model, GORP fast');
  const failed = shown(measured('failed'));
  expect(failed).toContain('The measurement failed');
  expect(failed).toContain('What to do:');
  expect(failed).not.toContain('Save as JSON');
});

test('during a run it says why it cannot measure', () => {
  const page = silentPage();
  page.store.setState({ run: startingRun(embeddedSettings('quick', 'gorp')) });
  expect(shown(page)).toContain('A run is using the device');
});
