import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { METHOD_NAMES, MethodSchema, type MethodSettings } from './method-settings.ts';
import { methodPreset, methodSummary } from './methods.ts';

describe.each(METHOD_NAMES)('%s', (name) => {
  const preset = methodPreset(name);

  it('passes the schema under its own name', () => {
    expect(v.parse(MethodSchema, preset)).toEqual(preset);
    expect(preset.name).toBe(name);
  });

  it('trains something, and has a shared space only where there is a gradient to project', () => {
    expect([preset.adapters, preset.fullRank]).not.toEqual(['none', 'none']);
    if (preset.sharedSpace) expect(preset.adapters === 'per-task' || preset.fullRank === 'projected').toBe(true);
  });

  it('builds the space from inputs only where it acts on the input side', () => {
    if (preset.spaceSource === 'activation') expect(preset.loraSpace).toBe('input');
  });

  it('is described in one sentence', () => {
    expect(methodSummary(name)).toMatch(/^[A-Z][^.]*\.$/);
  });
});

describe('methodPreset', () => {
  it('gives an object of its own each time', () => {
    methodPreset('gorp').threshold = 0.5;
    expect(methodPreset('gorp').threshold).not.toBe(0.5);
  });

  it('has upper bounds that train what GORP trains, and one adapter per task', () => {
    const { name, adapters, ...gorp } = methodPreset('gorp');
    expect(adapters).toBe('per-task');
    expect({ ...methodPreset('mtl'), name, schedule: 'in-turn', sharedSpace: true }).toEqual({
      name,
      adapters: 'one',
      ...gorp,
    });
    expect({ ...methodPreset('per-task'), name: 'inc-lora', schedule: 'in-turn' }).toEqual(methodPreset('inc-lora'));
  });

  it('refuses tasks apart from each other together with what is carried from one to the next', () => {
    const paths = (change: Partial<MethodSettings>): (string | null)[] => {
      const { issues = [] } = v.safeParse(MethodSchema, { ...methodPreset('per-task'), ...change });
      return issues.map((issue) => v.getDotPath(issue));
    };
    expect(paths({})).toEqual([]);
    expect(paths({ fullRank: 'adam' })).toEqual(['schedule']);
    expect(paths({ sharedSpace: true })).toEqual(['schedule']);
    expect(paths({ adapters: 'one' })).toEqual(['schedule']);
  });

  it('refuses a space of inputs that would act on the rank side of A', () => {
    const plus = methodPreset('gorp-plus');
    const { issues = [] } = v.safeParse(MethodSchema, { ...plus, loraSpace: 'rank' });
    expect(issues.map((issue) => v.getDotPath(issue))).toEqual(['loraSpace']);
    expect(v.safeParse(MethodSchema, { ...plus, loraSpace: 'rank', adapters: 'none' }).success).toBe(true);
  });

  it('reads settings of before there was a fast projection as exact', () => {
    const { projection, clipNorm, ...before } = methodPreset('gorp');
    expect([projection, clipNorm]).toEqual(['fast', 'projected']);
    expect(v.parse(MethodSchema, before)).toEqual({ ...before, projection: 'exact', clipNorm: 'exact' });
  });

  it('lets the ablations of GORP differ from it in the named parts only', () => {
    const { name, ...gorp } = methodPreset('gorp');
    expect(name).toBe('gorp');
    expect({ ...methodPreset('gorp-bl'), name, sharedSpace: true }).toEqual({ name, ...gorp });
    expect({ ...methodPreset('gorp-bs'), name, fullRank: 'projected' }).toEqual({ name, ...gorp });
    expect({ ...methodPreset('gorp-b'), name, sharedSpace: true, fullRank: 'projected' }).toEqual({ name, ...gorp });
  });
});
