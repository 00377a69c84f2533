import { describe, expect, it, test } from 'vitest';
import type { GorpError } from '../../base/errors.ts';
import { METHOD_NAMES, methodPreset, withValues } from '../../methods/registry.ts';
import { orderId, PUBLISHED_ORDERS } from '../../tasks/orders.ts';
import { watchShare } from './duration.ts';
import { embeddedSettings, publishedOrderOf, publishedSettings } from './presets.ts';
import { startingMethod } from '../settings/starting-values.ts';
import { epochsOf, parseSettings } from '../settings/settings.ts';

test('a warm-up is a share or a number of steps, not both', () => {
  const { training, ...rest } = embeddedSettings('quick', 'gorp');
  const given = (more: Partial<typeof training>) => parseSettings({ ...rest, training: { ...training, ...more } });
  expect(given({ warmupRatio: 0.1 }).training.warmupSteps).toBe(0);
  expect(given({ warmupSteps: 10 }).training.warmupRatio).toBe(0);
  expect(() => given({ warmupRatio: 0.1, warmupSteps: 10 })).toThrow(
    expect.objectContaining({
      code: 'settings/invalid',
      message: expect.stringMatching(/training\.warmupSteps.*warmupRatio.*set the other to 0/) as string,
    }) as Error,
  );
});

test('a task cannot be learned twice', () => {
  const settings = { ...embeddedSettings('quick', 'gorp'), order: ['gloss', 'gloss'] };
  expect(() => parseSettings(settings)).toThrow(/order: A task is listed twice/);
});

it('refuses an order of more tasks than results can hold', () => {
  const of = (tasks: number, watch?: string[]) => {
    return parseSettings({
      ...embeddedSettings('quick', 'gorp'),
      order: Array.from({ length: tasks }, (_, i) => `task ${i}`),
      ...(watch && { watch }),
    });
  };
  expect(of(128).order).toHaveLength(128);
  expect(() => of(129)).toThrow(/order: A run has at most 128 tasks/);
  expect(() => of(128, ['gloss'])).toThrow(/order: A run has at most 128 tasks/);
});

test('lengths and counts have bounds, and seeds are exact', () => {
  const { training, ...rest } = embeddedSettings('quick', 'gorp');
  const given = (more: Partial<typeof training>) => parseSettings({ ...rest, training: { ...training, ...more } });
  expect(given({ sourceLength: 131_072, targetLength: 4096, seed: -(2 ** 53) + 1 }).training.targetLength).toBe(4096);
  for (const more of [{ sourceLength: 1e9 }, { targetLength: 1e9 }, { epochs: 1e12 }, { seed: 2 ** 53 }]) {
    expect(() => given(more)).toThrow(expect.objectContaining({ code: 'settings/invalid' }) as Error);
  }
});

describe('embeddedSettings', () => {
  it.each(METHOD_NAMES)('gives settings that pass the schema for %s', (method) => {
    for (const preset of ['full', 'quick'] as const) {
      const settings = embeddedSettings(preset, method);
      expect(parseSettings(settings)).toEqual(settings);
      expect(settings.method.name).toBe(method);
    }
  });

  it('are read from a version without 16-bit products', () => {
    const settings = embeddedSettings('quick', 'gorp');
    const { arithmetic, ...training } = settings.training;
    expect(arithmetic).toBe('f32');
    expect(parseSettings({ ...settings, training })).toEqual(settings);
    expect(() => parseSettings({ ...settings, training: { ...training, arithmetic: 'bf16' } })).toThrow(/arithmetic/);
  });

  it('makes quick a small part of full', () => {
    const full = embeddedSettings('full', 'gorp');
    const quick = embeddedSettings('quick', 'gorp');
    const examples = ({ order, training }: typeof full): number =>
      order.length * training.trainExamples * training.epochs;
    expect(examples(quick)).toBeLessThan(examples(full) / 5);
    expect(full.order).toEqual(expect.arrayContaining(quick.order));
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

describe('startingMethod', () => {
  it('changes only rates and dropout of a method, and for GORP its rank and threshold too', () => {
    expect(startingMethod('embedded', 'seq-lora')).toEqual({
      ...methodPreset('seq-lora'),
      learningRate: 3e-3,
      loraDropout: 0,
    });
    // Chosen on dev sets: docs/studies/embedded.md.
    const rates = { learningRate: 1e-3, galoreLearningRate: 3e-3, loraDropout: 0 };
    const chosen = { ...rates, loraRank: 16, loraAlpha: 64, galoreRank: 16, threshold: 0.99 };
    expect(startingMethod('embedded', 'gorp')).toEqual({ ...methodPreset('gorp'), ...chosen });
  });
});

describe('publishedSettings', () => {
  const orders = PUBLISHED_ORDERS.map((order) => [orderId(order), order] as const);

  it.each(orders)('for order %s give every round the values of the released scripts', (_, order) => {
    const settings = parseSettings({ ...embeddedSettings('full', 'gorp'), ...publishedSettings(order, 'gorp') });
    expect(settings.order).toEqual(order.rounds.map(({ dataset }) => dataset));
    for (const { dataset, settings: expected } of order.rounds) {
      const used = { ...settings.method, ...settings.training, epochs: epochsOf(settings, [dataset]) };
      expect(used).toMatchObject(expected);
    }
  });

  it.each(orders)('for order %s are recognised with any method and amount of data, not after a change', (id, order) => {
    for (const name of METHOD_NAMES) {
      const settings = publishedSettings(order, name);
      expect(settings.method.name).toBe(name);
      const found = publishedOrderOf(settings);
      expect(found && orderId(found)).toBe(id);
      expect(publishedOrderOf({ ...settings, order: settings.order.slice(1) })).toBeNull();
      const other = withValues(settings.method, { learningRate: 0.5, galoreLearningRate: 0.5 });
      expect(publishedOrderOf({ ...settings, method: other })).toBeNull();
    }
  });

  it('do not match embedded settings', () => {
    expect(publishedOrderOf(embeddedSettings('full', 'gorp'))).toBeNull();
  });
});

test.each([
  ['model', 'https://example.org/m/?token=secret'],
  ['tasks', 'https://user:secret@example.org/t/'],
  ['model', 'http://example.org/m/'],
] as const)('%s may not be %s, since settings are written into results', (field, address) => {
  const settings = { ...embeddedSettings('quick', 'gorp'), [field]: address };
  const thrown = ((): unknown => {
    try {
      return parseSettings(settings);
    } catch (error) {
      return error;
    }
  })();
  expect(thrown).toMatchObject({ code: 'settings/address', message: expect.stringContaining(field) as string });
  expect(String(thrown) + (thrown as GorpError).nextStep).not.toContain('secret');
});

test('the embedded models watch what they could do before only where it costs less than a tenth of the tests', () => {
  const full = embeddedSettings('full', 'gorp');
  expect(full.watch).toEqual(['kinds']);
  expect(watchShare(full, new Map())).toBeLessThan(0.1);
  expect(embeddedSettings('full', 'gorp', 'embedded-llama').watch).toEqual(['kinds']);
  expect(embeddedSettings('full', 'gorp', 'org/name').watch).toBeUndefined();
  expect(embeddedSettings('quick', 'gorp').watch).toBeUndefined();
  expect(watchShare({ ...embeddedSettings('quick', 'gorp'), watch: ['kinds'] }, new Map())).toBeGreaterThan(0.1);
});
