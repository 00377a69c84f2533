import 'fake-indexeddb/auto';
import { clear, createStore, keys, set } from 'idb-keyval';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Results } from '../../run/results/results.ts';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { resultsFileName } from '../ui/download.ts';
import { browserHistory, runKey, summaryOf } from './history.ts';
import { resultsOfScript } from '../../testing/scripted-results.ts';

const resultsAt = (startedAt: string): Results => resultsOfScript(embeddedSettings('quick', 'gorp'), startedAt);

const day = (n: number): string => new Date(Date.UTC(2026, 0, n)).toISOString();
const whole = (n: number): Results => ({
  ...resultsAt(day(n)),
  id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
});
const inStore = () => createStore('gorp-web-runs', 'runs');

beforeEach(() => clear(inStore()));
afterEach(() => vi.restoreAllMocks());

describe('browserHistory', () => {
  it('lists runs newest first, and forgets only on demand', async () => {
    const history = browserHistory();
    expect((await history.list()).runs).toEqual([]);
    const first = resultsAt(day(1));
    for (let n = 1; n <= 70; n++) await history.add({ ...first, startedAt: day(n) });
    const { runs: listed } = await history.list();
    expect(listed).toHaveLength(70);
    expect(listed[0]?.startedAt).toBe(day(70));
    await history.remove(day(10));
    expect((await browserHistory().list()).runs.map(({ startedAt }) => startedAt)).not.toContain(day(10));
    expect(await keys(inStore()), 'no results of removed runs remain').toHaveLength(2 * 69);
  });

  it('stores added files beside the runs of this browser, never in their place', async () => {
    const history = browserHistory();
    const own = whole(1);
    await history.add(own);
    const stopped: Results = { ...own, status: 'stopped', seconds: 1 };
    const key = await history.take(stopped);
    expect(await history.take(stopped), 'the same file again').toBe(key);
    expect(await history.open(runKey(own))).toEqual(own);
    expect(await history.open(key)).toEqual(stopped);
    expect(await history.take(own), 'a copy of a run is the run').toBe(runKey(own));
    for (let n = 2; n < 70; n++) await history.take(whole(n));
    const { runs: list } = await history.list();
    expect(list).toHaveLength(70);
    expect(list.filter(({ file }) => file === undefined)).toMatchObject([{ id: own.id, status: 'finished' }]);
    const reserved = history.take({ ...own, id: undefined, startedAt: 'results/1' });
    await expect(reserved, 'a name that the store needs').rejects.toThrow(/timestamp/);
    // The run continues and is stored in its own place.
    await history.add({ ...own, seconds: 99 });
    expect((await history.open(runKey(own))).seconds).toBe(99);
    expect(await history.open(key)).toEqual(stopped);
  });

  it('returns the full results, also in a later visit', async () => {
    const results = whole(1);
    await browserHistory().add(results);
    const again = browserHistory();
    const [summary] = (await again.list()).runs;
    expect(runKey(summary)).toBe(results.id);
    expect(summary.resultsBytes).toBeGreaterThan(100);
    expect(summary.resultsBytes).toBeLessThan(JSON.stringify(results).length / 2);
    expect(await again.open(runKey(summary))).toEqual(results);
  });

  it('distinguishes two runs that started at the same moment', async () => {
    const history = browserHistory();
    const startedAt = day(1);
    await history.add({ ...whole(1), startedAt });
    await history.add({ ...whole(2), startedAt });
    expect((await history.list()).runs).toHaveLength(2);
  });

  it('on a full disk stores a summary, says so, and leaves earlier runs as they are', async () => {
    const history = browserHistory();
    await history.add(whole(1));
    await history.add(whole(2));
    refuseBytes();
    await expect(history.add(whole(3))).rejects.toMatchObject({
      code: 'store/quota',
      nextStep: expect.stringContaining('Download') as string,
    });
    const { runs: list } = await history.list();
    expect(list.map(({ startedAt, resultsBytes }) => [startedAt, resultsBytes])).toEqual([
      [day(3), null],
      [day(2), expect.any(Number)],
      [day(1), expect.any(Number)],
    ]);
  });

  it('on a full disk keeps what it stored of a run before it resumed, and says so', async () => {
    const history = browserHistory();
    const stopped: Results = { ...whole(1), status: 'stopped', seconds: 1 };
    await history.add(stopped);
    const { runs: before } = await history.list();
    refuseBytes();
    await expect(history.add(whole(1))).rejects.toMatchObject({
      code: 'store/quota',
      message: expect.stringContaining('before the run resumed') as string,
    });
    expect((await history.list()).runs).toEqual(before);
    expect(await history.open(runKey(stopped))).toEqual(stopped);
  });

  it('on a full disk leaves a run as it is that was to be named', async () => {
    const history = browserHistory();
    await history.add(whole(1));
    const { runs: before } = await history.list();
    refuseBytes();
    const naming = history.label(runKey(before[0]), { name: 'best', notes: 'so far' });
    await expect(naming).rejects.toMatchObject({
      code: 'store/quota',
      message: expect.stringContaining('name') as string,
    });
    expect((await history.list()).runs).toEqual(before);
  });

  it('reads runs of earlier versions, and names what it cannot read', async () => {
    const { id, resultsBytes, ...old } = summaryOf(whole(1));
    expect([id, resultsBytes]).toEqual([expect.any(String), null]);
    await set('newer', { version: 9 }, inStore());
    await set(old.startedAt, old, inStore());
    const history = browserHistory();
    const { runs: list, unread } = await history.list();
    expect(list).toEqual([{ ...old, resultsBytes: null }]);
    expect(unread).toEqual(['newer']);
    await history.add(whole(2));
    await history.remove(runKey(list[0]));
    const now = await history.list();
    expect([now.runs.map(({ startedAt }) => startedAt), now.unread], 'it stays').toEqual([[day(2)], ['newer']]);
    await history.remove('newer');
    expect((await history.list()).unread).toEqual([]);
  });

  it('refuses results that this version cannot read, and says why', async () => {
    const history = browserHistory();
    const strange = { ...whole(1), version: 3 } as unknown as Results; // from a future version
    await history.add(strange);
    await expect(history.open(strange.id ?? '')).rejects.toMatchObject({
      code: 'store/unreadable-results',
      message: expect.stringContaining('version') as string,
    });
  });
});

/** From now on, the browser has no room for results. */
function refuseBytes(): void {
  // oxlint-disable-next-line typescript/unbound-method -- applied to its store below.
  const { put } = IDBObjectStore.prototype;
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...args) {
    if (args[0] instanceof Uint8Array) {
      throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
    }
    return put.apply(this, args);
  });
}

describe('summaryOf', () => {
  it('is small: no curves, matrices or spaces', () => {
    const results = resultsAt(day(1));
    const summary = summaryOf(results);
    expect(summary.measures).toEqual(results.measures);
    expect(JSON.stringify(summary).length).toBeLessThan(4000);
  });
});

describe('resultsFileName', () => {
  it('contains method and start time', () => {
    expect(resultsFileName(resultsAt('2026-11-24T16:05:59.123Z'))).toBe('gorp-web-gorp-20261124-1605.json');
  });
});
