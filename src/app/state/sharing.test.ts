import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { createPageStore } from './store.ts';
import { createSharing } from './sharing.ts';
import { setUpLink, setUpText } from './set-up.ts';

function setUp(hash = '') {
  const store = createPageStore('system');
  let dropped = 0;
  const sharing = createSharing(store, { read: () => `http://localhost/${hash}`, dropHash: () => (dropped += 1) });
  return { store, sharing, dropped: () => dropped };
}

const offered = { ...embeddedSettings('quick', 'o-lora'), model: 'org/name' };
const { hash } = new URL(setUpLink('http://localhost/', setUpText(offered, [])));

describe('createSharing', () => {
  it('offers the set-up in the address, and applies it only when accepted', () => {
    const { store, sharing, dropped } = setUp(hash);
    const before = store.getState().draft;
    sharing.readAddress();
    expect(store.getState()).toMatchObject({ draft: before, run: { status: 'idle' }, offer: { from: 'The link' } });
    sharing.accept();
    expect(store.getState()).toMatchObject({ draft: offered, run: { status: 'idle' }, offer: null });
    expect(dropped()).toBe(1);
  });

  it('changes nothing when declined, and says why a damaged link cannot be read', () => {
    const { store, sharing, dropped } = setUp(hash.slice(0, 60));
    const before = store.getState().draft;
    sharing.readAddress();
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
