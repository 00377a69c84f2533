import { createElement, isValidElement, type ReactNode } from 'react';
import { expect, it } from 'vitest';
import { quickResults } from '../testing/scripted-results.ts';
import type { StoredCheckpoint } from '../worker/protocol.ts';
import { markup, silentPage, textOf } from './testing/markup.ts';
import { endedRun, IDLE, type PageRun } from './state/run-state.ts';
import { Interrupted } from './Notices.tsx';

const checkpoint = (folder: string, method: 'gorp' | 'seq-lora', step: number): StoredCheckpoint => {
  const results = quickResults(method, 1);
  const { startedAt, settings } = results;
  return { folder, savedAt: step, bytes: 2048, id: folder, startedAt, results, settings, round: 1, step };
};
const shown = async (...unfinished: StoredCheckpoint[]): Promise<string> => shownAfter(IDLE, ...unfinished);
const shownAfter = async (run: PageRun, ...unfinished: StoredCheckpoint[]): Promise<string> => {
  const page = silentPage({ checkpoints: () => Promise.resolve({ unfinished, unread: [] }) });
  await page.load();
  page.store.setState({ run });
  return textOf(markup(page, createElement(Interrupted))).replaceAll(/\s+/g, ' ');
};

it('offers every unfinished run, also those that no history has', async () => {
  const one = await shown(checkpoint('b', 'gorp', 30));
  expect(one).toContain('An unfinished run of gorp on gloss, field, was saved at step 30, while learning');
  expect(one).not.toContain('nother unfinished run');
  const two = await shown(checkpoint('b', 'gorp', 30), checkpoint('a', 'seq-lora', 12));
  expect(two).toMatch(/Another unfinished run seq-lora, seed 1, at step 12, .* Resume at step 12 Remove…/);
  const three = await shown(checkpoint('c', 'gorp', 3), checkpoint('b', 'gorp', 30), checkpoint('a', 'seq-lora', 12));
  expect(three).toMatch(/2 more unfinished runs gorp, .* at step 30.* seq-lora, .* at step 12/);
});

it('does not offer the run of another as that on the page', async () => {
  const ended = endedRun({ ...quickResults('gorp', 1), id: 'b' });
  const own = await shownAfter(ended, checkpoint('a', 'seq-lora', 20), checkpoint('b', 'gorp', 30));
  expect(own).toMatch(/An unfinished run of gorp on .* Resume at step 30/);
  const other = await shownAfter(ended, checkpoint('a', 'seq-lora', 20));
  expect(other).toMatch(
    /^ *Another unfinished run, of seq-lora on gloss, field, was saved .* Resume the other run at step 20/,
  );
});

/** The keys of the elements with a test id in what a component returns. */
const keysOf = (node: ReactNode, testId: string): (string | null)[] => {
  if (Array.isArray(node)) return node.flatMap((one: ReactNode) => keysOf(one, testId));
  if (!isValidElement<{ testId?: string; children?: ReactNode }>(node)) return [];
  return [...(node.props.testId === testId ? [node.key] : []), ...keysOf(node.props.children, testId)];
};

it('asks again before it removes another unfinished run in the same place', async () => {
  const page = silentPage({
    checkpoints: () => Promise.resolve({ unfinished: [checkpoint('b', 'gorp', 30)], unread: [] }),
  });
  await page.load();
  let keys: (string | null)[] = [];
  const Probe = (): ReactNode => {
    keys = keysOf(Interrupted(), 'drop-checkpoint');
    return null;
  };
  markup(page, createElement(Probe));
  expect(keys).toEqual(['b']);
});
