import { beforeEach, describe, expect, it, vi } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { quickResults } from '../../testing/scripted-results.ts';
import { silentPage } from '../testing/markup.ts';
import { memoryHistory, taughtModel } from '../testing/stores.ts';
import { runKey, summaryOf } from './history.ts';
import { browserLastVisit, firstShown } from './last-visit.ts';

const settings = embeddedSettings('quick', 'gorp');
const resultsAt = (day: number) => ({
  ...quickResults('gorp', 1),
  id: `00000000-0000-4000-8000-00000000000${day}`,
  startedAt: `2026-01-0${day}T00:00:00.000Z`,
});
const checkpointAt = (day: number) => {
  const results = resultsAt(day);
  const { id, startedAt } = results;
  return { folder: 'f', savedAt: 1, bytes: 1, settings, round: 1, step: 3, id, startedAt, results };
};

describe('firstShown', () => {
  const [old, recent] = [resultsAt(1), resultsAt(2)];
  const history = [recent, old].map((run) => summaryOf(run));

  it('is the run that was shown, else the newest', () => {
    expect(firstShown(runKey(old), history, [])).toEqual({ key: runKey(old) });
    expect(firstShown('forgotten', history, [])).toEqual({ key: runKey(recent) });
    expect(firstShown(null, [], [])).toBeNull();
  });

  it('is a run that was cut off if it is the newest', () => {
    expect(firstShown(null, history, [checkpointAt(3)])).toEqual({ checkpoint: checkpointAt(3) });
    expect(firstShown(null, history, [checkpointAt(2)]), 'a stopped run is in the history').toEqual({
      key: runKey(recent),
    });
    expect(firstShown(runKey(old), history, [checkpointAt(3)])).toEqual({ key: runKey(old) });
  });
});

describe('a page that opens again', () => {
  beforeEach(() => {
    for (const name of ['localStorage', 'sessionStorage']) {
      const stored = new Map<string, string>();
      vi.stubGlobal(name, {
        getItem: (key: string) => stored.get(key) ?? null,
        setItem: (key: string, text: string) => stored.set(key, text),
      });
    }
  });

  it('has its form as it was left, and a new tab too; an unreadable form is the usual one', () => {
    const page = silentPage({ lastVisit: browserLastVisit });
    page.chooseMethod('seq-lora');
    page.edit((draft) => ({ ...draft, training: { ...draft.training, epochs: NaN } }));
    const draft = () => silentPage({ lastVisit: browserLastVisit }).store.getState().draft;
    expect(draft()).toMatchObject({ method: { name: 'seq-lora' }, training: { epochs: 2 } });
    sessionStorage.setItem('gorp-web-draft', '{"model":');
    expect(draft()).toEqual(embeddedSettings('full', 'gorp-plus'));
  });

  it('teaches the same model as before, and never its tasks to the base model alone', () => {
    const page = silentPage({ lastVisit: browserLastVisit });
    const form = () => silentPage({ lastVisit: browserLastVisit }).store.getState();
    const model = taughtModel({ ...settings, order: ['mails'] }, 1);
    page.teach(model);
    expect(form().teaches, 'nothing is chosen yet').toBeNull();
    expect(form().draft.order).not.toEqual([]);
    page.edit((draft) => ({ ...draft, order: ['gloss'] }));
    expect(form()).toMatchObject({ teaches: model, draft: { order: ['gloss'] } });
    sessionStorage.setItem('gorp-web-teaches', '{"key":1}');
    expect(form()).toMatchObject({ teaches: null, draft: embeddedSettings('full', 'gorp-plus') });
  });

  it('shows the run that was shown, as it ended', async () => {
    const history = memoryHistory([resultsAt(1), resultsAt(2)]);
    const before = silentPage({ lastVisit: browserLastVisit, history });
    await before.load();
    await before.openRun(runKey(resultsAt(1)));
    const page = silentPage({ lastVisit: browserLastVisit, history });
    await page.load();
    expect(page.store.getState().run).toMatchObject({ status: 'finished', results: resultsAt(1) });
  });

  it('does not count a run as shown that could not be opened', async () => {
    const history = memoryHistory([resultsAt(1), resultsAt(2)]);
    const gone = runKey(resultsAt(1));
    const open = (key: string) => (key === gone ? Promise.reject(new Error('unreadable')) : history.open(key));
    const parts = { lastVisit: browserLastVisit, history: { ...history, open } };
    const before = silentPage(parts);
    await before.load();
    await before.openRun(gone);
    const page = silentPage(parts);
    await page.load();
    expect(page.store.getState().run.results).toEqual(resultsAt(2));
  });
});
