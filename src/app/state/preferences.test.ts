import { beforeEach, describe, expect, it, vi } from 'vitest';
import { silentPage } from '../testing/markup.ts';
import { savePreferences, storedPreferences, USUAL } from './preferences.ts';

/** A tab that has just been opened. */
const tab = () => silentPage({ preferences: storedPreferences(), savePreferences });

describe('choices about this machine', () => {
  beforeEach(() => {
    const stored = new Map<string, string>();
    vi.stubGlobal('localStorage', {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, text: string) => stored.set(key, text),
      removeItem: (key: string) => stored.delete(key),
    });
  });

  it('are stored one by one, so that a tab does not revert what another has chosen', () => {
    const [first, second] = [tab(), tab()];
    first.prefer({ device: 'cpu' });
    second.prefer({ keepAwake: false });
    first.prefer({ checkpointMinutes: 0, gpuShare: 50 });
    second.prefer({ keepsTests: false });
    expect(storedPreferences()).toEqual({
      device: 'cpu',
      keepAwake: false,
      checkpointMinutes: 0,
      gpuShare: 50,
      keepsTests: false,
      memoryBudget: null,
    });
  });

  it('are the usual ones if nothing that is offered is stored, or if storage is blocked', () => {
    localStorage.setItem('gorp-web-device', 'abacus');
    localStorage.setItem('gorp-web-gpu-share', '33');
    expect(storedPreferences()).toEqual(USUAL);
    vi.stubGlobal('localStorage', undefined);
    savePreferences({ device: 'cpu', memoryBudget: 4 });
    expect(storedPreferences()).toEqual(USUAL);
  });

  it('have a limit of memory only as long as one is chosen', () => {
    savePreferences({ memoryBudget: 2.5 });
    expect(storedPreferences().memoryBudget).toBe(2.5);
    savePreferences({ memoryBudget: null });
    expect(storedPreferences().memoryBudget).toBeNull();
    expect(localStorage.getItem('gorp-web-gpu-memory')).toBeNull();
  });
});
