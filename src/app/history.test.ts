import 'fake-indexeddb/auto';
import { createStore, set } from 'idb-keyval';
import { describe, expect, it } from 'vitest';
import type { Results } from '../run/results.ts';
import { embeddedSettings } from '../run/presets.ts';
import { resultsFileName } from './download.ts';
import { browserHistory, KEPT_RUNS, summaryOf } from './history.ts';
import { scriptedRun } from './testing/script.ts';

function resultsAt(startedAt: string): Results {
  const last = scriptedRun(embeddedSettings('quick', 'gorp'), { startedAt }).at(-1);
  if (last?.type !== 'finished') throw new Error('the script does not end in results');
  return last.results;
}

const day = (n: number): string => new Date(Date.UTC(2026, 0, n)).toISOString();

describe('browserHistory', () => {
  it('keeps summaries newest first, bounded, and forgets on demand', async () => {
    const history = browserHistory();
    expect(await history.list()).toEqual([]);
    const first = summaryOf(resultsAt(day(1)));
    for (let n = 1; n <= KEPT_RUNS + 3; n++) await history.add({ ...first, startedAt: day(n) });
    const kept = await history.list();
    expect(kept).toHaveLength(KEPT_RUNS);
    expect(kept[0]?.startedAt).toBe(day(KEPT_RUNS + 3));
    expect(kept.at(-1)?.startedAt).toBe(day(4));
    await history.remove(day(10));
    expect((await browserHistory().list()).map(({ startedAt }) => startedAt)).not.toContain(day(10));
  });

  it('skips what it cannot read', async () => {
    await set('old', { version: 0 }, createStore('gorp-web-runs', 'runs'));
    expect((await browserHistory().list()).every(({ measures }) => measures.exact.justLearned !== null)).toBe(true);
  });
});

describe('summaryOf', () => {
  it('is small: no curves, matrices or spaces', () => {
    const results = resultsAt(day(1));
    const summary = summaryOf(results);
    expect(summary.measures).toEqual(results.measures);
    expect(JSON.stringify(summary).length).toBeLessThan(4000);
  });
});

describe('resultsFileName', () => {
  it('has method and start', () => {
    expect(resultsFileName(resultsAt('2026-11-24T16:05:59.123Z'))).toBe('gorp-web-gorp-20261124-1605.json');
  });
});
