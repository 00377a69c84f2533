import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireTestGpu } from '../testing/gpu.ts';
import type { Gpu } from './device.ts';
import { plainProduct } from './kernels/matmul.ts';
import { SAFE_VARIANT, shapeClass, variantsOf } from './kernels/matmul-variants.ts';
import { tuneGpu, type TuningHost } from './tune.ts';
import { type Choices, readChoices } from './tuning.ts';

// Odd, and too few rows for the largest tile: two kernels that compile quickly are left to choose from.
const SHAPE = plainProduct('nt', 70, 64, 33);
const CLASS = shapeClass(SHAPE) ?? '';

/** Keeps choices in memory; `clock` counts how often the time was asked for. */
function memoryHost(kept = new Map<string, unknown>()) {
  const clock = { readings: 0 };
  const host: TuningHost = {
    now: () => (clock.readings++, performance.now()),
    platform: 'test',
    store: {
      read: (device) => Promise.resolve(kept.get(device)),
      write: (device, choices) => Promise.resolve(void kept.set(device, structuredClone(choices))),
    },
  };
  return { host, kept, clock };
}

let gpu: Gpu;
beforeEach(async () => {
  gpu = await acquireTestGpu();
});
afterEach(() => gpu.destroy());

describe('tuneGpu', () => {
  it('measures a class when it is first asked for, keeps the choice, and measures nothing at the next start', async () => {
    const { host, kept, clock } = memoryHost();
    await tuneGpu(gpu, host);
    expect(gpu.tuning.variantOf(SHAPE)).toBe(SAFE_VARIANT);
    expect(await gpu.tuning.settle()).toBe(true);
    const chosen = gpu.tuning.variantOf(SHAPE);
    expect(variantsOf(SHAPE, gpu.tuning.lanes)).toContain(chosen);
    expect(await gpu.tuning.settle()).toBe(false);
    expect(gpu.buffers.liveLabels).toEqual([]);

    const [choices] = [...kept.values()] as Choices[];
    expect(choices).toEqual({ attentionRows: gpu.tuning.attentionRows, matmul: { [CLASS]: chosen } });
    expect(clock.readings).toBeGreaterThan(0);

    const next = await acquireTestGpu();
    clock.readings = 0;
    await tuneGpu(next, host);
    expect(next.tuning.variantOf(SHAPE)).toBe(chosen);
    expect(next.tuning.choices).toEqual(choices);
    expect(await next.tuning.settle()).toBe(false);
    expect(clock.readings).toBe(0);
    next.destroy();
  });

  it('leaves classes for the next start once measuring has taken long, and keeps to the safe kernel till then', async () => {
    const { host, kept } = memoryHost();
    let ms = 0;
    const slow = { ...host, now: () => (ms += 6000) };
    const other = { ...SHAPE, layout: 'nn' } as const;
    await tuneGpu(gpu, slow);
    for (const shape of [SHAPE, other]) gpu.tuning.variantOf(shape);
    expect(await gpu.tuning.settle()).toBe(true);
    expect(gpu.tuning.variantOf(other)).toBe(SAFE_VARIANT);
    expect(await gpu.tuning.settle()).toBe(false);
    expect((kept.values().next().value as Choices).matmul).toEqual({ [CLASS]: gpu.tuning.variantOf(SHAPE) });

    const next = await acquireTestGpu();
    await tuneGpu(next, host);
    next.tuning.variantOf(other);
    expect(await next.tuning.settle()).toBe(true);
    expect(Object.keys((kept.values().next().value as Choices).matmul)).toEqual([CLASS, shapeClass(other)]);
    next.destroy();
  });

  it('takes choices from a store as they are, and asks by the name of device and platform', async () => {
    const asked: string[] = [];
    const { host } = memoryHost();
    const choices: Choices = { attentionRows: 4, matmul: { [CLASS]: 'block' } };
    const read = (device: string): Promise<unknown> => Promise.resolve((asked.push(device), choices));
    await tuneGpu(gpu, { ...host, store: { ...host.store, read } });
    expect(gpu.tuning.choices).toEqual(choices);
    expect(gpu.tuning.variantOf(SHAPE)).toBe('block');
    expect(asked[0]).toContain(gpu.facts.description);
    expect(asked[0]).toContain('test');
  });
});

describe('readChoices', () => {
  it('refuses what this version did not write', () => {
    const good = { attentionRows: 1, matmul: { [CLASS]: 'register-8' } };
    expect(readChoices(good)).toEqual(good);
    for (const bad of [undefined, null, 'block', {}, { ...good, attentionRows: 2 }, { ...good, matmul: null }]) {
      expect(readChoices(bad)).toBeUndefined();
    }
    expect(readChoices({ ...good, matmul: { [CLASS]: 'wmma' } })).toBeUndefined();
  });
});

describe('shapeClass', () => {
  it('tells apart what may prefer another kernel, and no more', () => {
    expect(shapeClass({ ...SHAPE, M: 127 })).toBe(CLASS);
    expect(shapeClass({ ...SHAPE, addend: true })).toBe(CLASS);
    expect(shapeClass({ ...SHAPE, M: 128 })).not.toBe(CLASS);
    expect(shapeClass({ ...SHAPE, layout: 'nn' })).not.toBe(CLASS);
    expect(shapeClass({ ...SHAPE, K: 36 })).not.toBe(CLASS);
    expect(shapeClass({ ...SHAPE, M: 8 })).toBeUndefined();
    expect(shapeClass({ ...SHAPE, batch: 2 })).toBeUndefined();
  });
});
