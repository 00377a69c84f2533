import { describe, expect, it } from 'vitest';
import { METHOD_NAMES } from '../gorp/method-settings.ts';
import { embeddedMethod, embeddedSettings } from './presets.ts';
import { parseSettings } from './settings.ts';

describe('embeddedSettings', () => {
  it.each(METHOD_NAMES)('gives settings that pass the schema for %s', (method) => {
    for (const preset of ['full', 'quick'] as const) {
      const settings = embeddedSettings(preset, method);
      expect(parseSettings(settings)).toEqual(settings);
      expect(settings.method.name).toBe(method);
    }
  });

  it('makes quick a small part of full', () => {
    const full = embeddedSettings('full', 'gorp');
    const quick = embeddedSettings('quick', 'gorp');
    const examples = ({ order, training }: typeof full): number =>
      order.length * training.trainExamples * training.epochs;
    expect(examples(quick)).toBeLessThan(examples(full) / 10);
    expect(full.order.slice(0, quick.order.length)).toEqual(quick.order);
  });

  it('returns a fresh object every time, so that an edited draft does not change the preset', () => {
    const first = embeddedSettings('full', 'gorp');
    first.order.pop();
    first.training.seed = 99;
    first.method.loraRank = 1;
    const second = embeddedSettings('full', 'gorp');
    expect(second.order).toHaveLength(4);
    expect(second.training.seed).not.toBe(99);
    expect(second.method.loraRank).not.toBe(1);
  });
});

describe('embeddedMethod', () => {
  it('keeps what makes the method, and changes only rates and dropout', () => {
    expect(embeddedMethod('seq-lora')).toMatchObject({ adapters: 'one', sharedSpace: false, loraDropout: 0 });
    expect(embeddedMethod('gorp')).toMatchObject({ adapters: 'per-task', fullRank: 'projected', sharedSpace: true });
  });
});
