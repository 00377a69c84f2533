import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { createPageStore } from './store.ts';
import { createSharing } from './sharing.ts';
import { quickResults } from '../../testing/scripted-results.ts';
import type { Results } from '../../run/results/results.ts';
import { memoryHistory } from '../testing/stores.ts';
import { silentPage } from '../testing/markup.ts';
import { runKey, shownKey } from './history.ts';
import { resultsLink } from './results-file.ts';
import { endedRun } from './run-state.ts';
import { setUpLink, setUpText } from './set-up.ts';

function setUp(hash = '') {
  const store = createPageStore('system');
  let dropped = 0;
  const kept: Results[] = [];
  const sharing = createSharing(
    store,
    { read: () => `http://localhost/${hash}`, dropHash: () => (dropped += 1) },
    (results) => Promise.resolve(`file/${kept.push(results)}`),
  );
  return { store, sharing, dropped: () => dropped, kept };
}

const offered = { ...embeddedSettings('quick', 'o-lora'), model: 'org/name' };
const { hash } = new URL(setUpLink('http://localhost/', setUpText(offered, [])));

describe('createSharing', () => {
  it('offers the set-up in the address, and applies it only when accepted', () => {
    const { store, sharing, dropped } = setUp(hash);
    const before = store.getState().draft;
    void sharing.readAddress();
    expect(store.getState()).toMatchObject({ draft: before, run: { status: 'idle' }, offer: { from: 'The link' } });
    sharing.accept();
    expect(store.getState()).toMatchObject({ draft: offered, run: { status: 'idle' }, offer: null });
    expect(dropped()).toBe(1);
  });

  it('changes nothing when declined, and says why a damaged link cannot be read', () => {
    const { store, sharing, dropped } = setUp(hash.slice(0, 60));
    const before = store.getState().draft;
    void sharing.readAddress();
    expect(store.getState().offer).toMatchObject({ error: { code: 'settings/no-set-up' } });
    sharing.decline();
    expect(store.getState()).toMatchObject({ draft: before, offer: null });
    expect(dropped()).toBe(1);
  });

  it('makes no link from settings that cannot start a run', () => {
    const { store, sharing } = setUp();
    store.setState(({ draft }) => ({ draft: { ...draft, order: [] } }));
    expect(sharing.link()).toBeNull();
    expect(store.getState().sharingProblem).toMatchObject({ code: 'settings/invalid' });
  });

  it('opens a file without touching the address', async () => {
    const { store, sharing, dropped } = setUp();
    await sharing.openFile(new File([setUpText(offered, [])], 'class.json'));
    expect(store.getState().offer).toMatchObject({ from: 'class.json', setUp: { settings: offered } });
    sharing.accept();
    expect([store.getState().draft, dropped()]).toEqual([offered, 0]);
  });
});

describe('results in a link', () => {
  const theirs = quickResults('seq-lora', 3);
  const mine = endedRun(quickResults('gorp', 1));
  const linkHash = async () => new URL(await resultsLink('http://localhost/', theirs)).hash;

  it('are shown, and closing them shows again what was there', async () => {
    const { store, sharing, dropped, kept } = setUp(await linkHash());
    store.setState({ run: mine });
    await sharing.readAddress();
    expect(store.getState().run).toMatchObject({ sharedAs: 'The link', status: 'finished', results: theirs });
    expect(dropped()).toBe(0); // a reload shows them again
    await sharing.readAddress(); // twice: what was there first comes back
    sharing.closeResults();
    expect(store.getState().run).toEqual(mine);
    expect(dropped()).toBeGreaterThan(0);
    expect(kept).toEqual([]);
  });

  it('are added only when asked to', async () => {
    const { store, sharing, kept } = setUp();
    await sharing.openResults(new File([JSON.stringify(theirs)], 'theirs.json'));
    expect(store.getState().run.sharedAs).toBe('theirs.json');
    await sharing.keepResults();
    expect(kept).toEqual([theirs]);
    expect(store.getState().run).toMatchObject({ sharedAs: null, results: theirs });
  });

  it('are not shown in place of a run in progress', async () => {
    const { store, sharing } = setUp(await linkHash());
    store.setState({ run: { ...mine, status: 'running' } });
    await sharing.readAddress();
    expect(store.getState()).toMatchObject({
      run: { status: 'running', sharedAs: null },
      dropProblem: { code: 'run/results-during-run' },
    });
  });

  it('do not pass for a run of this browser with the same name', async () => {
    const own = quickResults('gorp', 1);
    const page = silentPage({ history: memoryHistory([own]) });
    await page.load();
    const changed = { ...own, seconds: own.seconds + 1 };
    await page.sharing.openResults(new File([JSON.stringify(changed)], 'changed.json'));
    expect(page.store.getState().run.results).toEqual(changed);
    expect(await page.resultsOf(runKey(own))).toEqual(own);
    await page.labelRun(runKey(own), { name: 'mine', notes: '' });
    expect(page.store.getState().run.results?.name).toBeUndefined();
  });

  it('are themselves when they are stored and opened, not the run of this browser with the same name', async () => {
    const own = quickResults('gorp', 1);
    const changed = { ...own, seconds: own.seconds + 1 };
    const [history, files] = [memoryHistory([own]), memoryHistory()];
    const page = silentPage({
      history: {
        ...history,
        take: async (results) => `file/${await files.take(results)}`,
        open: (key) => (key.startsWith('file/') ? files.open(key.slice(5)) : history.open(key)),
        label: (key, label) => (key.startsWith('file/') ? files.label(key.slice(5), label) : history.label(key, label)),
      },
    });
    await page.load();
    const run = () => page.store.getState().run;
    await page.sharing.openResults(new File([JSON.stringify(changed)], 'changed.json'));
    expect(shownKey(run())).toBeNull();
    await page.sharing.keepResults();
    const key = shownKey(run());
    expect(key).toBe(`file/${runKey(own)}`);
    await page.openRun(runKey(own));
    expect(shownKey(run())).toBe(runKey(own));
    await page.openRun(key ?? '');
    expect([run().results, shownKey(run())]).toEqual([changed, key]);
    await page.labelRun(runKey(own), { name: 'mine', notes: '' });
    expect(run().results?.name).toBeUndefined();
    await page.labelRun(key ?? '', { name: 'theirs', notes: '' });
    expect(run().results?.name).toBe('theirs');
  });
});
