import { describe, expect, it } from 'vitest';
import { METHOD_NAMES } from '../../methods/registry.ts';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { type RunSettings, withText } from '../../run/settings/settings.ts';
import { changesOf, parseSetUp, setUpLink, setUpOfHash, setUpText } from './set-up.ts';

const settings = embeddedSettings('quick', 'gorp');
const roundTrip = (one: RunSettings): ReturnType<typeof parseSetUp> => {
  const link = setUpLink('https://example.org/app/?x=1#old', setUpText(one, []));
  expect(link.startsWith('https://example.org/app/#set-up=')).toBe(true);
  return parseSetUp(setUpOfHash(new URL(link).hash) ?? '', 'The link', 'embedded');
};
const changed = (change: (json: { version: number; settings: RunSettings }) => void): string => {
  const json = JSON.parse(setUpText(settings, [])) as { version: number; settings: RunSettings };
  change(json);
  return JSON.stringify(json);
};

describe('a link with a set-up', () => {
  it('preserves the settings of every method', () => {
    for (const name of METHOD_NAMES) {
      const one = { ...embeddedSettings('full', name), model: 'google-t5/t5-small@main' };
      expect(roundTrip(one)).toEqual({ settings: one, lacksModel: false });
    }
  });

  it('contains no file name of this machine and no secret', () => {
    const local = { ...settings, model: 'picked:my thesis, do not share' };
    const text = setUpText(local, []);
    expect(text).not.toContain('thesis');
    expect(parseSetUp(text, 'x', 'org/other')).toEqual({
      settings: { ...local, model: 'org/other' },
      lacksModel: true,
    });
    expect(() => setUpText({ ...settings, order: ['gloss', 'letters of mine'] }, ['letters of mine'])).toThrow(
      expect.objectContaining({ code: 'settings/private' }),
    );
    expect(() => setUpText(withText(settings, 'own:letters of mine'), ['letters of mine'])).toThrow(
      expect.objectContaining({ code: 'settings/private' }),
    );
    expect(() => setUpText({ ...settings, model: 'https://me:secret@example.org/m' }, [])).toThrow(
      expect.objectContaining({ code: 'settings/address' }),
    );
  });

  it.each([
    ['that was cut off', setUpText(settings, []).slice(0, 200), 'settings/no-set-up'],
    ['that is empty', '', 'settings/no-set-up'],
    ['of another program', '{"schema":"x","version":1}', 'settings/no-set-up'],
    ['with more in it', setUpText(settings, []).replace('{', '{"more":1,'), 'settings/no-set-up'],
    ['that is far too long', ' '.repeat(40_000), 'settings/no-set-up'],
    ['of a newer version', changed((json) => (json.version = 2)), 'settings/newer-version'],
    ['out of range', changed((json) => (json.settings.training.epochs = 0)), 'settings/invalid'],
    [
      'with an address that holds a secret',
      changed((json) => (json.settings.tasks = 'https://a:b@example.org/')),
      'settings/address',
    ],
  ])('refuses one %s', (_, text, code) => {
    expect(() => parseSetUp(text, 'The link', 'embedded')).toThrow(expect.objectContaining({ code }));
  });

  it('distinguishes a damaged hash from a missing one', () => {
    expect(setUpOfHash('')).toBeNull();
    expect(setUpOfHash('#other')).toBeNull();
    expect(setUpOfHash('#set-up=%%%')).toBe('');
    expect(setUpOfHash('#set-up=/w')).toBe('');
  });
});

describe('changesOf', () => {
  it('lists what would change, by the form’s names', () => {
    const then = { ...settings, order: ['field'], training: { ...settings.training, epochs: 4 } };
    expect(changesOf(settings, then)).toEqual([
      { path: 'order', name: 'Order', now: 'people, emoji', then: 'field' },
      { path: 'training.epochs', name: 'Epochs', now: '2', then: '4' },
    ]);
    expect(changesOf(settings, settings)).toEqual([]);
    expect(changesOf(settings, embeddedSettings('quick', 'seq-ft'))).toContainEqual({
      path: 'method.loraRank',
      name: 'LoRA rank r',
      now: '16',
      then: null,
    });
  });
});
