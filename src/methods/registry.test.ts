import { readdirSync } from 'node:fs';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { type MethodPlan, partOf, type PartPlan, spaceOf } from '../gorp/part/method-plan.ts';
import { MENU } from './parts/method.ts';
import {
  METHOD_NAMES,
  methodOf,
  methodPreset,
  METHODS,
  methodSummary,
  methodTitle,
  planOf,
  sameMethod,
  withValues,
} from './registry.ts';
import { MethodSchema } from './schema.ts';

it('has a method for every file, under its name', () => {
  const files = readdirSync(new URL('.', import.meta.url)).flatMap(
    (file) => /^([a-z0-9-]+)\.ts$/.exec(file)?.[1] ?? [],
  );
  expect(METHOD_NAMES.toSorted()).toEqual(files.filter((name) => !['all', 'registry', 'schema'].includes(name)).sort());
});

it('lists methods by menu group, the leading one first and the others by name', () => {
  for (const group of MENU) {
    const [first, ...others] = METHODS.filter(({ menu }) => menu === group);
    const names = others.map(({ name }) => name);
    expect(names).toEqual(names.toSorted());
    expect(others.filter(({ leads }) => leads)).toEqual([]);
    expect(first.leads || names.every((name) => first.name < name)).toBe(true);
  }
  expect(METHODS.map(({ menu }) => menu)).toEqual(
    MENU.flatMap((group) => METHODS.map(({ menu }) => menu).filter((menu) => menu === group)),
  );
});

describe.each(METHOD_NAMES)('%s', (name) => {
  const preset = methodPreset(name);
  const { settings, menu, citation } = methodOf({ name });
  const plan = planOf(preset);

  it('passes the schema under its own name', () => {
    expect(v.parse(MethodSchema, preset)).toEqual(preset);
    expect(preset.name).toBe(name);
  });

  it('has its own settings and no others', () => {
    expect(Object.keys(preset)).toEqual(['name', ...Object.keys(settings)]);
    const { issues = [] } = v.safeParse(MethodSchema, { ...preset, other: 1 });
    expect(issues.map((issue) => v.getDotPath(issue))).toEqual(['other']);
  });

  it('trains something, and has a shared space only if there is a gradient to project', () => {
    const [adapters, fullRank] = [partOf(plan, 'adapters'), partOf(plan, 'full-rank')];
    expect(adapters ?? fullRank).toBeDefined();
    if (spaceOf(plan)) expect(adapters?.pairs === 'per-task' || fullRank !== undefined).toBe(true);
  });

  it('is described in one sentence and listed in the menu', () => {
    expect(methodSummary(name)).toMatch(/^[A-Z][^.]*\.$/);
    expect(MENU).toContain(menu);
    if (citation !== null) expect(citation).toMatch(/(19|20)\d\d/);
  });
});

describe('settings', () => {
  it('are a new object each time', () => {
    methodPreset('gorp').threshold = 0.5;
    expect(methodPreset('gorp').threshold).not.toBe(0.5);
  });

  it('change only if the method has them', () => {
    const changed = withValues(methodPreset('seq-lora'), { loraRank: 3, galoreRank: 5 });
    expect(changed).toEqual({ ...methodPreset('seq-lora'), loraRank: 3 });
  });

  it('are equal whatever their order', () => {
    const { name, ...rest } = methodPreset('gorp');
    expect(sameMethod(methodPreset('gorp'), { ...rest, name })).toBe(true);
    expect(sameMethod(methodPreset('gorp'), { ...rest, name, loraRank: 9 })).toBe(false);
    expect(sameMethod(methodPreset('gorp-b'), methodPreset('inc-lora'))).toBe(false);
  });

  it('refuse a space of inputs on the rank side of A', () => {
    const { issues = [] } = v.safeParse(MethodSchema, { ...methodPreset('gorp-plus'), loraSpace: 'rank' });
    expect(issues.map((issue) => v.getDotPath(issue))).toEqual(['loraSpace']);
  });
});

it('names a method, and the method that its settings choose', () => {
  expect(methodTitle(methodPreset('gorp'))).toBe('gorp');
  expect(methodTitle(methodPreset('gain-lora'))).toBe('gain-lora on inf-lora');
  expect(methodTitle({ ...methodPreset('gain-lora'), base: 'o-lora' })).toBe('gain-lora on o-lora');
});

describe('plans', () => {
  it('of upper bounds train what GORP trains, and one adapter per task', () => {
    const gorp = planOf(methodPreset('gorp'));
    const needs = { handsOn: 'one pair of adapters of rank 8' };
    const parts = [{ ...partOf(gorp, 'adapters'), pairs: 'one', needs }, partOf(gorp, 'full-rank')];
    expect(planOf(methodPreset('mtl'))).toEqual({ schedule: 'mixed', parts });
    expect(planOf(methodPreset('per-task'))).toEqual({ ...planOf(methodPreset('inc-lora')), schedule: 'apart' });
  });

  it('of the ablations of GORP differ from it only in the named parts', () => {
    const gorp = planOf(methodPreset('gorp'));
    const without = (...kinds: readonly PartPlan['part'][]): MethodPlan => ({
      ...gorp,
      parts: gorp.parts.filter(({ part }) => !kinds.includes(part)),
    });
    expect(planOf(methodPreset('gorp-bl'))).toEqual(without('moment-space'));
    expect(planOf(methodPreset('gorp-bs'))).toEqual(without('full-rank'));
    expect(planOf(methodPreset('gorp-b'))).toEqual(without('full-rank', 'moment-space'));
    expect(planOf(methodPreset('gorp-b'))).toEqual(planOf(methodPreset('inc-lora')));
  });

  it('are new objects each time', () => {
    for (const { name } of METHODS) expect(planOf(methodPreset(name))).not.toBe(planOf(methodPreset(name)));
  });
});
