import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { describe, expect, it, test } from 'vitest';
import { type MethodName, methodPreset, type MethodSettings } from './registry.ts';
import { embeddedSettings } from '../run/planning/presets.ts';
import { parseSettings } from '../run/settings/settings.ts';
import { MethodSchema } from './schema.ts';

/** Settings that versions up to 559f152 wrote for every method, in addition to its own. */
const EARLIER = {
  schedule: 'in-turn',
  adapters: 'none',
  fullRank: 'none',
  sharedSpace: false,
  loraRank: 8,
  loraAlpha: 32,
  loraDropout: 0.1,
  learningRate: 1e-3,
  loraSpace: 'rank',
  spaceSource: 'moment',
  spaceSide: 'kept',
  spaceRule: 'paper',
  project: 'gradient',
  threshold: 0.9,
  softness: 0,
  taskRates: 'constant',
  galoreRank: 8,
  galoreLearningRate: 1e-3,
  galoreScale: 1,
  updateProjGap: 10,
  projType: 'std',
  projection: 'fast',
  clipNorm: 'projected',
  orthogonalPenalty: 0,
  sparsityPenalty: 0,
};
const PLUS = {
  adapters: 'per-task',
  fullRank: 'projected',
  sharedSpace: true,
  loraSpace: 'input',
  spaceSource: 'activation',
  project: 'update',
  threshold: 0.97,
  softness: 0.0625,
  taskRates: 'compensated',
  loraRank: 16,
  loraAlpha: 64,
  galoreRank: 16,
};
const DIFFERS: Partial<Record<MethodName, object>> = {
  'gorp-plus': PLUS,
  gorp: { adapters: 'per-task', fullRank: 'projected', sharedSpace: true },
  'gorp-b': { adapters: 'per-task' },
  'gorp-bl': { adapters: 'per-task', fullRank: 'projected' },
  'gorp-bs': { adapters: 'per-task', sharedSpace: true },
  'seq-lora': { adapters: 'one' },
  'inc-lora': { adapters: 'per-task' },
  'o-lora': { adapters: 'per-task', orthogonalPenalty: 0.5 },
  'n-lora': { adapters: 'per-task', sparsityPenalty: 1e-4 },
  'seq-ft': { fullRank: 'adam' },
  galore: { fullRank: 'projected' },
  mtl: { schedule: 'mixed', adapters: 'one', fullRank: 'projected' },
  'per-task': { schedule: 'apart', adapters: 'per-task' },
};
const EARLIER_METHODS = Object.entries(DIFFERS) as [MethodName, object][];

/** The paths at which the schema reports issues. */
const faults = (input: unknown): (string | null)[] =>
  (v.safeParse(MethodSchema, input).issues ?? []).map((issue) => v.getDotPath(issue));

describe('settings of earlier versions', () => {
  it.each(EARLIER_METHODS)('of %s are read as its preset', (name, differs) => {
    expect(v.parse(MethodSchema, { name, ...EARLIER, ...differs })).toEqual(methodPreset(name));
  });

  it('preserve changed values, and drop settings that the method does not have', () => {
    const earlier = {
      name: 'seq-lora',
      ...EARLIER,
      ...DIFFERS['seq-lora'],
      loraRank: 3,
      galoreRank: 5,
      threshold: 0.5,
    };
    expect(v.parse(MethodSchema, earlier)).toEqual({ ...methodPreset('seq-lora'), loraRank: 3 });
  });

  it('are constant if written before there was a choice', () => {
    const { softness, taskRates, ...before } = { ...EARLIER, ...DIFFERS.gorp };
    expect([softness, taskRates]).toEqual([0, 'constant']);
    expect(v.parse(MethodSchema, { name: 'gorp', ...before })).toEqual(methodPreset('gorp'));
  });

  it('are refused if they describe another method than they name, or are not of those versions', () => {
    const earlier = { name: 'gorp', ...EARLIER, ...DIFFERS.gorp };
    expect(faults(earlier)).toEqual([]);
    expect(faults({ ...earlier, sharedSpace: false })).toEqual(['sharedSpace']);
    expect(faults({ ...earlier, adapters: 'one' })).toEqual(['adapters']);
    expect(faults({ ...earlier, other: 1 })).toEqual(['other']);
    expect(faults({ ...earlier, loraRank: 0 })).toEqual(['loraRank']);
  });
});

describe('settings that are gone', () => {
  const LAST = { projType: 'std', projection: 'fast', spaceSide: 'kept', spaceRule: 'paper' };
  const OTHERS = [
    ...['reverse_std', 'left', 'right', 'full'].map((value) => ['projType', value]),
    ...[['projection', 'exact'], ['spaceSide', 'left'], ['spaceRule', 'official']], // oxfmt-ignore
  ];

  it.each(['gorp', 'gorp-plus'] as const)('of %s are left out if they have the value of today', (name) => {
    expect(v.parse(MethodSchema, { ...methodPreset(name), ...LAST })).toEqual(methodPreset(name));
  });

  it.each(OTHERS)('are refused by name: %s %s', (key, value) => {
    const method = { ...methodPreset('gorp'), ...LAST, [key]: value };
    const { issues } = v.safeParse(MethodSchema, method);
    expect(faults(method)).toEqual([key]);
    expect(issues?.[0].message).toBe(
      `gorp-web no longer trains with ${key} "${value}", only as with "${LAST[key as keyof typeof LAST]}".`,
    );
    expect(() => parseSettings({ ...embeddedSettings('quick', 'gorp'), method })).toThrow(
      expect.objectContaining({ code: 'settings/gone', message: expect.stringContaining(`method.${key}`) as string }),
    );
  });

  it('are refused if written before there was a choice, when gradients were formed', () => {
    const { projection, clipNorm, ...before } = { ...EARLIER, ...DIFFERS.gorp };
    expect([projection, clipNorm]).toEqual(['fast', 'projected']);
    expect(faults({ name: 'gorp', ...before })).toEqual(['projection']);
  });

  it('stay unknown where a method never had them', () => {
    expect(faults({ ...methodPreset('seq-lora'), projType: 'std' })).toEqual(['projType']);
    expect(faults({ ...methodPreset('galore'), spaceRule: 'paper' })).toEqual(['spaceRule']);
  });
});

describe('anything else', () => {
  it.each([null, 7, 'gorp', [], {}, { name: 'gorp-minus' }])('is refused: %j', (input) => {
    expect(v.safeParse(MethodSchema, input).success).toBe(false);
  });
});

test('the committed study of the default order opens', () => {
  const file = new URL('../../docs/studies/embedded.json', import.meta.url);
  const runs = JSON.parse(readFileSync(file, 'utf8')) as { settings: { method: MethodSettings } }[];
  expect(runs.length).toBeGreaterThan(10);
  for (const { settings } of runs)
    expect(v.parse(MethodSchema, settings.method)).toMatchObject({ name: settings.method.name });
});
