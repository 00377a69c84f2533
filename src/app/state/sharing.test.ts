import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { createPageStore } from './store.ts';
import { createHandOver } from './sharing.ts';
import { setUpLink, setUpText } from './set-up.ts';

function setUp(hash = '') {
  const store = createPageStore('system');
  let dropped = 0;
  const handOver = createHandOver(store, { read: () => `http://localhost/${hash}`, dropHash: () => (dropped += 1) });
  return { store, handOver, dropped: () => dropped };
}

const offered = { ...embeddedSettings('quick', 'o-lora'), model: 'org/name' };
const { hash } = new URL(setUpLink('http://localhost/', setUpText(offered, [])));

describe('createHandOver', () => {
  it('offers the set-up in the address, and applies it only when accepted', () => {
    const { store, handOver, dropped } = setUp(hash);
    const before = store.getState().draft;
    handOver.readAddress();
    expect(store.getState()).toMatchObject({ draft: before, run: { status: 'idle' }, offer: { from: 'The link' } });
    handOver.accept();
    expect(store.getState()).toMatchObject({ draft: offered, run: { status: 'idle' }, offer: null });
    expect(dropped()).toBe(1);
  });

  it('changes nothing when declined, and says why a damaged link cannot be read', () => {
    const { store, handOver, dropped } = setUp(hash.slice(0, 60));
    const before = store.getState().draft;
    handOver.readAddress();
    expect(store.getState().offer).toMatchObject({ error: { code: 'settings/no-set-up' } });
    handOver.decline();
    expect(store.getState()).toMatchObject({ draft: before, offer: null });
    expect(dropped()).toBe(1);
  });

  it('makes no link from settings that cannot start a run', () => {
    const { store, handOver } = setUp();
    store.setState(({ draft }) => ({ draft: { ...draft, order: [] } }));
    expect(handOver.link()).toBeNull();
    expect(store.getState().handOverProblem).toMatchObject({ code: 'settings/invalid' });
  });

  it('opens a file without touching the address', async () => {
    const { store, handOver, dropped } = setUp();
    await handOver.openFile(new File([setUpText(offered, [])], 'class.json'));
    expect(store.getState().offer).toMatchObject({ from: 'class.json', setUp: { settings: offered } });
    handOver.accept();
    expect([store.getState().draft, dropped()]).toEqual([offered, 0]);
  });
});
