import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GorpError } from '../../base/errors.ts';
import type { RunEvent } from '../../run/events/events.ts';
import { embeddedSettings } from '../../run/planning/presets.ts';
import type { Results } from '../../run/results/results.ts';
import { watching } from '../../run/settings/settings.ts';
import { scriptedRun } from '../../testing/scripted-run.ts';
import type { StoredCheckpoint, WorkerCommand } from '../../worker/protocol.ts';
import { silentPage } from '../testing/markup.ts';
import { memoryHistory, memoryTasks, taughtModel } from '../testing/stores.ts';
import { summaryOf } from './history.ts';
import type { PageParts } from './page.ts';
import { BATCH_MS } from './run-manager.ts';
import { resultsOfScript } from '../../testing/scripted-results.ts';

/** A page whose session does nothing by itself. */
function setUp(parts: Partial<PageParts> = {}) {
  const commands: WorkerCommand[] = [];
  let emit: (event: RunEvent) => void = () => undefined;
  let closed = 0;
  const page = silentPage({
    openSession: (onEvent) => {
      emit = onEvent;
      return { send: (command) => commands.push(command), close: () => (closed += 1) };
    },
    ...parts,
  });
  return {
    page,
    commands,
    emit: (...events: RunEvent[]) => events.forEach((event) => emit(event)),
    closed: () => closed,
    run: () => page.store.getState().run,
  };
}

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(BATCH_MS);

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('createPage', () => {
  it('starts with settings that can start a run', () => {
    const { page, commands, run } = setUp();
    page.start();
    const access = { hub: { endpoint: 'https://huggingface.co', token: null }, picked: new Map() };
    const tasks = { folder: new Map(), custom: new Map() };
    const teaches = { from: null, everyTask: true, keepsTests: true };
    const settings = embeddedSettings('full', 'gorp-plus');
    const checkpoints = { everySeconds: 120, from: null };
    const machine = { device: 'auto', memoryBudget: null, gpuShare: 1, checkpoints };
    expect(commands).toEqual([{ type: 'start', settings, access, tasks, teaches, ...machine }]);
    expect(run().status).toBe('starting');
    page.start();
    expect(commands).toHaveLength(1);
  });

  it('binds a token to the hub it was entered for', () => {
    const { page, commands } = setUp();
    const hub = () => page.store.getState().access.hub;
    page.setToken('hf_secret');
    // Typing clears the token as soon as the address names another server.
    page.setHub('https://huggingface.co/');
    expect(hub().token).toBe('hf_secret');
    page.setHub('https://huggingface.c');
    expect(hub()).toEqual({ endpoint: 'https://huggingface.c', token: null });
    page.setHub('https://huggingface.co');
    expect(hub().token).toBeNull();
    page.setHub('https://mirror.example');
    page.setToken('hf_mirror');
    page.setHub('http://mirror.example');
    expect(hub().token).toBeNull();
    page.setToken('hf_mirror');
    page.setHub('');
    expect(hub().token).toBeNull();
    expect(commands).toEqual([]);
  });

  it('teaches a model more: its tasks come first and need no files, and what is next is asked', () => {
    const { page, commands } = setUp();
    const settings = { ...embeddedSettings('quick', 'gorp'), order: ['mails', 'chats'] };
    const refused = () => page.store.getState().refused?.message;
    page.storeEveryTask(false);
    page.prefer({ keepsTests: false });
    page.teach(taughtModel(settings, 1));
    expect(page.store.getState().draft).toEqual({ ...settings, order: [] });
    page.start();
    expect(refused()).toMatch(/Choose what to teach next/);
    page.edit((draft) => ({ ...draft, order: ['mails'] }));
    page.start();
    expect(refused()).toMatch(/taught a task mails already: give the new one a name of its own/);
    page.edit((draft) => ({ ...draft, order: ['gloss'] }));
    page.chooseMethod('gpm');
    page.start();
    expect(refused()).toMatch(/gorp has left .*spaces of moments.*, but gpm builds on .*Choose gorp/);
    expect(commands).toEqual([]);
    page.chooseMethod('gorp');
    page.edit((draft) => ({ ...draft, training: { ...draft.training, epochs: 7 } }));
    page.start();
    expect(commands[0]).toMatchObject({
      settings: { order: ['mails', 'gloss'], training: { epochs: 7 } },
      teaches: { from: 'run/1-model', everyTask: false, keepsTests: false },
    });
    expect(page.store.getState().teaches?.key, 'a run that fails is taught the same again').toBe('run/1-model');
    expect(page.store.getState().draft.order).toEqual(['gloss']);
  });

  it('teaches a model more with prompts at least as long as those of a new run', () => {
    const { page } = setUp();
    const teach = (sourceLength: number): unknown => {
      const { training, ...rest } = embeddedSettings('quick', 'gorp');
      page.teach(taughtModel({ ...rest, model: 'org/name', training: { ...training, sourceLength } }, 1));
      const { draft, modelDefaults } = page.store.getState();
      return [draft.training.sourceLength, modelDefaults?.sourceLength];
    };
    expect(teach(64), 'follows the texts again').toEqual([256, 256]);
    expect(teach(512), 'stays as it was chosen').toEqual([512, undefined]);
  });

  it('refuses more tasks than a method was set up for before any is chosen, and begins with the base if asked', () => {
    const { page, commands } = setUp();
    const settings = { ...embeddedSettings('quick', 'inf-lora'), order: ['mails', 'chats'] };
    page.teach(taughtModel(settings, 2));
    page.edit((draft) => ({ ...draft, order: ['gloss'] }));
    page.start();
    expect(page.store.getState().refused?.message).toMatch(
      /must know the number of tasks before the first; it was told 2, .* It cannot be taught more/,
    );
    page.teach(null);
    page.start();
    expect(commands[0]).toMatchObject({ settings: { order: ['gloss'] }, teaches: { from: null } });
    page.teach(taughtModel({ ...settings, model: 'picked:mine' }, 1));
    page.chooseModel('picked:moved');
    expect(page.store.getState(), 'its base is given again').toMatchObject({
      draft: { model: 'picked:moved', order: [] },
      teaches: { key: 'run/1-model' },
    });
    for (const choose of [
      () => page.choosePreset('quick'),
      () => page.chooseModel('embedded-llama'),
      () => page.copySettings(settings),
    ]) {
      page.teach(taughtModel(settings, 1));
      choose();
      expect(page.store.getState().teaches).toBeNull();
    }
  });

  it.each([true, false])(
    'removes the checkpoint of a finished run only if its results are stored: %s',
    async (fits) => {
      const settings = embeddedSettings('quick', 'gorp');
      const [results, id] = [resultsOfScript(settings), '0b1e5f6a-3f0a-4c8e-9d53-6a1c2b3d4e5f'];
      const { startedAt } = results;
      const one: StoredCheckpoint = {
        folder: 'f',
        savedAt: 1,
        bytes: 2,
        id,
        startedAt,
        results,
        settings,
        round: 1,
        step: 3,
      };
      const asked: string[] = [];
      const added: Results[] = [];
      const { page, emit } = setUp({
        history: {
          ...memoryHistory(),
          add: (run) => {
            added.push(run);
            return fits
              ? Promise.resolve(run)
              : Promise.reject(new GorpError('store/quota', 'It is full.', 'Make room.'));
          },
          list: () => Promise.resolve({ runs: added.map((run) => summaryOf(run, fits ? 9 : null)), unread: [] }),
        },
        checkpoints: ({ type }) => {
          asked.push(type);
          return Promise.resolve({ unfinished: asked.includes('drop') ? [] : [one], unread: [] });
        },
      });
      await page.load();
      page.queue.add([settings, settings]);
      page.queue.start();
      emit(
        { type: 'begin', results: { ...results, id }, stepsPerRound: [] },
        { type: 'finished', seconds: 1, liveBuffers: 0 },
      );
      await settle();
      expect(asked).toEqual(fits ? ['find', 'find', 'drop'] : ['find', 'find']);
      const { unfinished, historyProblem, queue } = page.store.getState();
      expect(historyProblem).toBe(fits ? null : 'It is full. Make room.');
      expect(unfinished).toEqual(fits ? [] : [one]);
      expect(queue.runs.map(({ status }) => status)).toEqual(['finished', fits ? 'running' : 'waiting']);
    },
  );

  it('starts only once the tasks that the browser keeps are read', async () => {
    const kept = memoryTasks();
    let read = (): void => undefined;
    const { page, commands, run } = setUp({
      tasks: { ...kept, load: () => new Promise((resolve) => (read = () => resolve(kept.load()))) },
    });
    void page.load();
    page.start();
    page.start();
    await settle();
    expect([commands, run().status, page.store.getState().isSettling]).toEqual([[], 'idle', true]);
    read();
    await settle();
    expect([commands.length, run().status, page.store.getState().isSettling]).toEqual([1, 'starting', false]);
  });

  it('resumes an interrupted run from its checkpoint, and removes it once the run is stored', async () => {
    const settings = embeddedSettings('quick', 'gorp');
    const id = '0b1e5f6a-3f0a-4c8e-9d53-6a1c2b3d4e5f';
    const results = resultsOfScript(settings);
    const startedAt = results.startedAt;
    let stored: StoredCheckpoint[] = [
      { folder: 'f', savedAt: 1, bytes: 2, id, startedAt, results, settings, round: 1, step: 3 },
    ];
    const asked: string[] = [];
    const { page, commands, emit } = setUp({
      checkpoints: (command) => {
        asked.push(command.type);
        if (command.type === 'drop') stored = [];
        return Promise.resolve({ unfinished: stored, unread: [] });
      },
    });
    page.saveNow();
    await page.load();
    expect(page.store.getState().unfinished).toEqual(stored);
    page.resumeFromCheckpoint(stored[0]);
    expect(commands[0]).toMatchObject({ settings, teaches: { from: null }, checkpoints: { from: 'f' } });
    expect(page.store.getState()).toMatchObject({ draft: settings, unfinished: [] });
    page.saveNow();
    expect(commands.map(({ type }) => type)).toEqual(['start', 'save']);
    emit(
      { type: 'begin', results: { ...results, id }, stepsPerRound: [] },
      { type: 'finished', seconds: 1, liveBuffers: 0 },
    );
    await settle();
    expect(asked).toEqual(['find', 'find', 'drop']);
    expect(page.store.getState().unfinished).toEqual([]);
  });

  it('resumes an interrupted run of the queue from its checkpoint, in whatever order its settings were entered', async () => {
    const settings = watching(embeddedSettings('quick', 'gorp'), ['field']);
    const { watch = [], ...others } = settings;
    const results = resultsOfScript(settings);
    const stored = { folder: 'f', savedAt: 1, bytes: 2, id: 'x', startedAt: '', results, round: 1, step: 3 };
    const { page, commands } = setUp({
      checkpoints: () => Promise.resolve({ unfinished: [{ ...stored, settings: { watch, ...others } }], unread: [] }),
    });
    await page.load();
    page.queue.add([settings]);
    page.queue.start();
    expect(commands[0]).toMatchObject({ checkpoints: { from: 'f' } });
  });

  it('offers a stopped run until it is removed', async () => {
    const settings = embeddedSettings('quick', 'gorp');
    const results = resultsOfScript(settings);
    const { startedAt } = results;
    let stored: StoredCheckpoint[] = [
      { folder: 'f', savedAt: 1, bytes: 2, id: 'x', startedAt, results, settings, round: 1, step: 3 },
    ];
    const { page, commands, emit } = setUp({
      checkpoints: ({ type }) => {
        if (type === 'drop') stored = [];
        return Promise.resolve({ unfinished: stored, unread: [] });
      },
    });
    page.prefer({ checkpointMinutes: 0 });
    page.start();
    expect(commands[0]).toMatchObject({ checkpoints: { everySeconds: 0, from: null } });
    emit(...scriptedRun(settings).slice(0, -1), { type: 'stopped' });
    await settle();
    expect(page.store.getState().unfinished).toEqual(stored);
    await page.dropCheckpoint('f');
    expect(page.store.getState().unfinished).toEqual([]);
  });

  it('offers the other unfinished runs in the moment in which a run ends', async () => {
    const settings = embeddedSettings('quick', 'gorp');
    const results = resultsOfScript(settings);
    const { startedAt } = results;
    const [one, other] = ['f', 'g'].map((folder): StoredCheckpoint => {
      return { folder, savedAt: 1, bytes: 2, id: folder, startedAt, results, settings, round: 1, step: 3 };
    });
    const { page, emit } = setUp({ checkpoints: () => Promise.resolve({ unfinished: [one, other], unread: [] }) });
    await page.load();
    page.resumeFromCheckpoint(one);
    emit(...scriptedRun(settings));
    expect(page.store.getState().run.status).toBe('finished');
    expect(page.store.getState().unfinished).toEqual([other]);
  });

  it('refuses invalid settings without starting a worker, and names them', () => {
    const { page, commands, run } = setUp();
    page.edit((draft) => ({ ...draft, training: { ...draft.training, epochs: NaN } }));
    page.start();
    expect(commands).toEqual([]);
    expect(run().status).toBe('idle');
    expect(page.store.getState().refused).toMatchObject({ code: 'settings/invalid' });
    expect(page.store.getState().refused?.message).toContain('training.epochs');
    page.choosePreset('quick');
    expect(page.store.getState().refused).toBeNull();
  });

  it('shows events in batches: thousands of them change the state once', async () => {
    const { page, emit, run } = setUp();
    page.start();
    let changes = 0;
    page.store.subscribe(() => changes++);
    const events = scriptedRun(embeddedSettings('full', 'gorp')).slice(0, -1);
    emit(...events);
    expect(changes).toBe(0);
    await settle();
    expect(changes).toBe(1);
    expect(
      run()
        .results?.accuracy.exact.at(-1)
        ?.every((cell) => cell !== null),
    ).toBe(true);
  });

  it('ends the worker and stores the run when it finishes', async () => {
    const { page, emit, closed } = setUp();
    page.start();
    emit(...scriptedRun(embeddedSettings('quick', 'gorp'), { startedAt: '2026-11-24T10:00:00.000Z' }));
    await settle();
    expect(closed()).toBe(1);
    expect(page.store.getState().history.map(({ startedAt }) => startedAt)).toEqual(['2026-11-24T10:00:00.000Z']);
    await page.forget('2026-11-24T10:00:00.000Z');
    expect(page.store.getState().history).toEqual([]);
  });

  it('names a run while it trains, but not like another one', async () => {
    const { page, commands, emit, run } = setUp({
      history: memoryHistory([{ ...resultsOfScript(embeddedSettings('quick', 'gorp')), name: 'best' }]),
    });
    await page.load();
    page.start();
    const events = scriptedRun(embeddedSettings('quick', 'gorp-plus'), { startedAt: '2026-11-25T10:00:00.000Z' });
    emit(...events.slice(0, -1));
    await settle();
    const key = '2026-11-25T10:00:00.000Z';
    expect(await page.labelRun(key, { name: 'Best', notes: '' })).toMatchObject({ code: 'run/name-taken' });
    expect(await page.labelRun(key, { name: 'second', notes: 'softer' })).toBeNull();
    expect(run().results).toMatchObject({ name: 'second', notes: 'softer' });
    expect(commands.at(-1)).toEqual({ type: 'label', label: { name: 'second', notes: 'softer' } });
  });

  it('resumes a run under the name that it has by now', async () => {
    const id = '00000000-0000-4000-8000-000000000001';
    const stopped = { ...resultsOfScript(embeddedSettings('quick', 'gorp')), id, name: 'renamed' };
    const { page, commands } = setUp({ history: memoryHistory([stopped]) });
    await page.load();
    const { settings, startedAt } = stopped;
    const place = { folder: 'f', savedAt: 1, bytes: 2, round: 1, step: 3 };
    const checkpoint: StoredCheckpoint = { ...place, id, startedAt, results: stopped, settings };
    page.store.setState({ unfinished: [checkpoint] });
    page.resumeFromCheckpoint(checkpoint);
    expect(commands.at(-1)).toEqual({ type: 'label', label: { name: 'renamed', notes: '' } });
  });

  it('shows a run from before a reload as it was when it ended', async () => {
    const history = memoryHistory();
    const first = setUp({ history });
    first.page.choosePreset('quick');
    first.page.chooseMethod('gorp');
    first.page.start();
    first.emit(...scriptedRun(embeddedSettings('quick', 'gorp'), { startedAt: '2026-11-24T10:00:00.000Z' }));
    await settle();
    const before = first.run();
    const { page, run, emit } = setUp({ history });
    await page.load();
    const [{ startedAt }] = page.store.getState().history;
    page.changeView({ tab: 'results' });
    await page.openRun(startedAt);
    for (const part of ['status', 'settings', 'device', 'stepsPerRound', 'results'] as const) {
      expect(run()[part], part).toEqual(before[part]);
    }
    expect(page.store.getState().view.tab).toBe('run');
    expect(await page.resultsOf(startedAt)).toEqual(before.results);

    page.changeView({ tab: 'results' });
    const opened = page.openRun(startedAt);
    page.changeView({ tab: 'ranks' });
    await opened;
    expect(page.store.getState().view.tab, 'the tab chosen meanwhile stays open').toBe('ranks');

    page.start();
    emit({ type: 'warning', message: 'on its way' });
    await settle();
    await page.openRun(startedAt);
    expect(run().status, 'an active run is not replaced').toBe('starting');
    page.stop();
    await page.openRun('unknown');
    expect(page.store.getState().historyProblem).toContain('Only the summary');
  });

  it('sends pause, resume and stop only when they make sense', async () => {
    const { page, commands, emit, run } = setUp();
    page.pause();
    page.stop();
    expect(commands).toEqual([]);
    page.start();
    emit({
      type: 'progress',
      phase: 'device',
      round: 0,
      item: '',
      done: 0,
      total: 1,
      unit: 'items',
      seconds: 0,
      timeLeft: null,
    });
    await settle();
    page.resume();
    page.pause();
    page.pause();
    expect(run().status).toBe('pausing');
    emit({ type: 'paused' });
    await settle();
    page.resume();
    page.stop();
    expect(commands.map(({ type }) => type)).toEqual(['start', 'pause', 'resume', 'stop']);
    expect(run().status).toBe('stopping');
    page.stop();
    expect(commands.at(-1)?.type, 'once more: the session ends at once').toBe('stop');
  });

  it('can start again after a failure from a clean state', async () => {
    const { page, emit, closed, run } = setUp();
    page.start();
    const error = { code: 'device/lost', message: 'gone', nextStep: 'again' } as const;
    emit({ type: 'warning', message: 'slow' }, { type: 'failed', error });
    await settle();
    expect(run()).toMatchObject({ status: 'failed', error });
    expect(closed()).toBe(1);
    page.start();
    expect(run()).toMatchObject({ status: 'starting', error: null, warnings: [] });
  });

  it('preserves the seed across presets, and the training settings across methods', () => {
    const { page } = setUp();
    const draft = () => page.store.getState().draft;
    page.edit((old) => ({ ...old, training: { ...old.training, seed: 7 } }));
    page.choosePreset('quick');
    expect(draft()).toMatchObject({ order: ['people', 'emoji'], training: { seed: 7, epochs: 2 } });
    page.chooseMethod('seq-lora');
    expect(draft()).toMatchObject({ method: { name: 'seq-lora' }, training: { seed: 7, epochs: 2 } });
  });

  it('reports that the browser cannot store runs, and works on', async () => {
    const refuse = () => Promise.reject(new Error('storage is off'));
    const { page, emit, run } = setUp({
      history: { list: refuse, add: refuse, label: refuse, take: refuse, open: refuse, remove: refuse },
    });
    await page.load();
    expect(page.store.getState()).toMatchObject({ historyProblem: 'storage is off' });
    page.start();
    emit(...scriptedRun(embeddedSettings('quick', 'gorp')));
    await settle();
    expect(run().status).toBe('finished');
    expect(page.store.getState().historyProblem).toBe('storage is off');
  });
});
