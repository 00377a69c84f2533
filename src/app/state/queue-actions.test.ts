import { describe, expect, it } from 'vitest';
import { type ErrorReport, GorpError } from '../../base/errors.ts';
import { embeddedSettings } from '../../run/planning/presets.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { quickResults } from '../../testing/scripted-results.ts';
import { memoryQueue } from '../testing/stores.ts';
import { createQueue, type QueueStorage } from './queue.ts';
import { IDLE, type PageRun, startingRun } from './run-state.ts';
import { createPageStore } from './store.ts';

const refusal: ErrorReport = { code: 'settings/invalid', message: 'no', nextStep: 'do' };
const needsFiles: ErrorReport = { code: 'settings/files-again', message: 'gone', nextStep: 'drop' };

function setUp(place: QueueStorage = memoryQueue()) {
  const store = createPageStore('system');
  const begun: number[] = [];
  let hasFiles = false;
  const queue = createQueue(store, {
    place,
    check: ({ order }) => {
      if (order.length === 0) throw new GorpError('settings/invalid', 'no tasks', 'choose some');
    },
    begin: (settings) => {
      if (settings.training.epochs === 99) return refusal;
      if (settings.training.epochs === 98 && !hasFiles) return needsFiles;
      begun.push(settings.training.seed);
      store.setState({ run: startingRun(settings) });
      return null;
    },
    estimate: () => 10,
  });
  queue.load();
  /** Ends the current run. */
  const end = (
    status: 'finished' | 'stopped' | 'failed',
    error: ErrorReport | null = null,
    isStored: boolean = true,
  ): void => {
    const run: PageRun = {
      ...IDLE,
      status,
      error,
      results: { ...quickResults('gorp', 1), id: undefined, seconds: 4 },
    };
    store.setState({ run });
    queue.ended(run, isStored);
  };
  const state = (): string =>
    store
      .getState()
      .queue.runs.map(({ settings, status }) => `${settings.training.seed} ${status}`)
      .join(', ');
  return { store, queue, begun, end, state, give: () => (hasFiles = true) };
}

const seeded = (seed: number, epochs = 1): RunSettings => {
  const settings = embeddedSettings('quick', 'gorp');
  return { ...settings, training: { ...settings.training, seed, epochs } };
};

describe('createQueue', () => {
  it('runs until it is done, and records how each run ended', () => {
    const { store, queue, begun, end, state } = setUp();
    queue.add([seeded(1), seeded(2)]);
    expect(begun).toEqual([]);
    queue.start();
    expect(begun).toEqual([1]);
    end('finished');
    expect(state()).toBe('1 finished, 2 running');
    end('finished');
    expect([state(), store.getState().queue.isGoing]).toEqual(['1 finished, 2 finished', false]);
    expect(store.getState().queue.runs[0]).toMatchObject({ seconds: 4, run: quickResults('gorp', 1).startedAt });
  });

  it('skips runs that fail or cannot start, and keeps their errors', () => {
    const { store, queue, begun, end, state } = setUp();
    queue.add([seeded(1), seeded(2, 99), seeded(3)]);
    queue.start();
    end('failed', { code: 'device/lost', message: 'gone', nextStep: 'again' });
    expect(state()).toBe('1 failed, 2 failed, 3 running');
    expect(begun).toEqual([1, 3]);
    expect(store.getState().queue.runs.map(({ error }) => error?.code)).toEqual([
      'device/lost',
      'settings/invalid',
      undefined,
    ]);
    queue.again(store.getState().queue.runs[0].id);
    expect(state()).toBe('2 failed, 3 running, 1 waiting');
  });

  it('waits for the files of a model that the page lost access to, while other runs start', () => {
    const { store, queue, begun, end, state, give } = setUp();
    queue.add([seeded(1, 98), seeded(2)]);
    queue.start();
    expect([begun, state()]).toEqual([[2], '1 waiting, 2 running']);
    end('finished');
    expect([state(), store.getState().queue.isGoing]).toEqual(['1 waiting, 2 finished', false]);
    expect(store.getState().queue.runs[0].error?.code).toBe('settings/files-again');
    give();
    queue.start();
    expect([begun, state(), store.getState().queue.runs[0].error]).toEqual([[2, 1], '1 running, 2 finished', null]);
  });

  it('tells whether a run that is wanted now has started, and does not queue it twice', () => {
    const { queue, begun, end, state, give } = setUp();
    expect(queue.startNow(seeded(1, 98), 'run'), 'it lacks files').toBe(false);
    expect(queue.startNow(seeded(1, 98), 'run'), 'pressed again').toBe(false);
    expect([begun, state()]).toEqual([[], '1 waiting']);
    expect(queue.startNow(seeded(2), 'run'), 'after one that waits').toBe(false);
    give();
    queue.empty();
    expect(queue.startNow(seeded(1, 98), 'run')).toBe(true);
    expect(state()).toBe('1 running');
    end('finished');
    expect(queue.startNow(seeded(2, 99), 'run'), 'it cannot start').toBe(false);
    expect(state()).toBe('1 finished, 2 failed');
  });

  it('can be paused, reordered and emptied; stopping a run pauses it', () => {
    const { store, queue, begun, end, state } = setUp();
    queue.add([seeded(1), seeded(2), seeded(3)]);
    queue.start();
    queue.pause();
    end('finished');
    expect(begun).toEqual([1]);
    queue.move(store.getState().queue.runs[2].id, -1);
    queue.start();
    expect(begun).toEqual([1, 3]);
    end('stopped');
    expect([state(), store.getState().queue.isGoing]).toEqual(['1 finished, 3 stopped, 2 waiting', false]);
    queue.empty();
    expect(state()).toBe('1 finished, 3 stopped');
    queue.clear();
    expect(state()).toBe('');
  });

  it('waits after a run whose results could not be stored, since the next would take their place', () => {
    const { store, queue, begun, end, state } = setUp();
    queue.add([seeded(1), seeded(2)]);
    queue.start();
    end('finished', null, false);
    expect([begun, state(), store.getState().queue.isGoing]).toEqual([[1], '1 finished, 2 waiting', false]);
    queue.start();
    expect(begun).toEqual([1, 2]);
  });

  it('waits for a run that was started by hand, and does not record it', () => {
    const { store, queue, begun, end, state } = setUp();
    store.setState({ run: startingRun(seeded(7)) });
    queue.add([seeded(1)]);
    queue.start();
    expect([begun, state()]).toEqual([[], '1 waiting']);
    end('finished');
    expect([begun, state()]).toEqual([[1], '1 running']);
  });

  it('survives a reload: the interrupted run starts again, before the waiting ones', () => {
    const place = memoryQueue();
    const before = setUp(place);
    before.queue.add([seeded(1), seeded(2), seeded(3)]);
    before.queue.start();
    before.end('finished');
    const after = setUp(place);
    expect([after.begun, after.state()]).toEqual([[2], '1 finished, 2 running, 3 waiting']);
    const paused = setUp(memoryQueue({ isGoing: false, runs: after.store.getState().queue.runs }));
    expect([paused.begun, paused.state()]).toEqual([[], '1 finished, 2 waiting, 3 waiting']);
  });

  it('is shown but not run in a second tab, which takes over when the first has closed', () => {
    let hand: () => void = () => undefined;
    const place = { ...memoryQueue(), own: (onOwn: () => void) => (hand = onOwn) };
    const { store, queue, begun } = setUp(place);
    queue.add([seeded(1)]);
    queue.start();
    expect([begun, store.getState().queue.runs.length]).toEqual([[], 0]);
    place.write({ isGoing: true, runs: [waitingRun(seeded(5))] });
    hand();
    expect(begun).toEqual([5]);
  });

  it('stores runs of another version until they are removed', () => {
    const newer = { id: 'n', settings: { model: 'x', rounds: 3 }, status: 'waiting' };
    const place = memoryQueue({ isGoing: true, runs: [newer] });
    const { store, queue, begun } = setUp(place);
    expect([begun, store.getState().queue.unread]).toEqual([[], [newer]]);
    queue.add([seeded(1)]);
    queue.start();
    queue.empty();
    queue.clear();
    expect(place.read()).toMatchObject({ runs: [{ settings: seeded(1) }, newer] });
    queue.clearUnread();
    expect(place.read()).toMatchObject({ runs: [{ settings: seeded(1) }] });
  });

  it('says that the browser does not store it', () => {
    const { store, queue } = setUp({ ...memoryQueue(), write: () => false });
    expect(store.getState().queue.isStored).toBe(true);
    queue.add([seeded(1)]);
    expect(store.getState().queue).toMatchObject({ isStored: false, runs: [{ status: 'waiting' }] });
  });

  it('refuses runs that cannot start, all of them', () => {
    const { queue, state } = setUp();
    expect(() => queue.add([seeded(1), { ...seeded(2), order: [] }])).toThrow('no tasks');
    expect(state()).toBe('');
  });

  it('refuses more runs than it holds', () => {
    const { queue } = setUp();
    expect(() => queue.add(Array.from({ length: 201 }, (_, i) => seeded(i)))).toThrow(
      expect.objectContaining({ code: 'run/queue-full' }),
    );
  });
});

const waitingRun = (settings: RunSettings): unknown => ({
  id: 'x',
  settings,
  status: 'waiting',
  estimate: null,
  seconds: null,
  run: null,
  error: null,
});
