import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { type Compiled, compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { openStrictGpu } from '../../testing/strict-gpu.ts';
import { acquireCardGpu, acquireTestGpu } from '../../testing/devices.ts';
import { type OwnedBuffer, wholeOf } from '../buffers.ts';
import type { Gpu } from './gpu.ts';
import { SOFTWARE } from './kernels/product-shader.ts';
import { DeviceTimer } from './device-timer.ts';
import { type MatmulShape, plainProduct } from '../matmul-shape.ts';
import { planVariant, shapeClassOf, startVariant, variantsOf } from './kernels/matmul-variants.ts';
import { measured, undisturbed } from './quickest.ts';
import { Tuner, type TuningHost } from './tune.ts';
import { type KernelChoices, readKernelChoices } from './tuning.ts';
import { WebGpuDevice } from './webgpu-device.ts';

const CARD = { isSoftware: false };
// Odd, so that kernels compile quickly.
const SHAPE = plainProduct('nt', 70, 64, 33);
const classOf = (shape: MatmulShape): string => shapeClassOf(shape, CARD) ?? '';
const CLASS = classOf(SHAPE);
const START = startVariant(SHAPE, CARD);
const OTHER = { ...SHAPE, layout: 'nn' } as const;

/** Saves choices in memory; `clock` counts how often the time was asked for. */
function memoryHost(saved = new Map<string, unknown>()) {
  const clock = { readings: 0 };
  const warnings: string[] = [];
  const host: TuningHost = {
    now: () => (clock.readings++, performance.now()),
    platform: 'test',
    store: {
      read: (device) => Promise.resolve(saved.get(device)),
      write: (device, choices) => Promise.resolve(void saved.set(device, structuredClone(choices))),
    },
    warn: (text) => warnings.push(text),
  };
  return { host, clock, warnings, choices: () => [...saved.values()][0] as KernelChoices | undefined };
}

/** A product of class {@link CLASS}, as a program of its own on a device; `values` runs it. */
async function product(device: WebGpuDevice): Promise<{ values: () => Promise<Float32Array>; destroy: () => void }> {
  const { M, N, K } = SHAPE;
  const owned: OwnedBuffer[] = [];
  const operand = (rows: number): Tensor => {
    const buffer = device.buffers.storage('operand', rows * K * 4);
    owned.push(buffer);
    const values = Float32Array.from({ length: rows * K }, (_, i) => Math.sin(i));
    device.write(buffer, 0, values);
    const storage = wholeOf(buffer);
    return { name: 'operand', shape: [rows, K], dtype: 'f32', trainable: false, elements: rows * K, storage };
  };
  const g = new Graph();
  const y = matmul(g, operand(M), operand(N), { layout: 'nt' });
  const compiled: Compiled = await compile(device, 'product', g, [y]);
  return {
    values: async () => {
      await device.run([compiled.program]);
      return new Float32Array(await device.read(compiled.rangeOf(y)), 0, M * N);
    },
    destroy: () => {
      compiled.destroy();
      for (const buffer of owned) buffer.destroy();
    },
  };
}

const nameOf = (variant: Parameters<typeof planVariant>[1]): string => planVariant(SHAPE, variant, CARD).kernel.name;

/** Makes a kernel the winner, or any other than the first one. */
function biased(): void {
  vi.spyOn(DeviceTimer.prototype, 'times').mockImplementation((programs) =>
    Promise.resolve(programs.map((_, i) => 10 - i)),
  );
}

let gpu: Gpu;
beforeEach(async () => {
  ({ gpu } = await acquireCardGpu());
});
afterEach(async () => {
  vi.restoreAllMocks();
  await gpu.destroy();
});

/** Makes the compiler of kernels whose names begin so a wrong one. */
function miscompiled(...names: string[]): void {
  const get = gpu.pipelines.get.bind(gpu.pipelines);
  vi.spyOn(gpu.pipelines, 'get').mockImplementation((kernel, immediate) => {
    if (!names.some((name) => kernel.name.startsWith(name))) return get(kernel, immediate);
    const wgsl = kernel.wgsl?.().replaceAll(/p\.(alpha|scale)/g, '(1.01 * p.$1)') ?? '';
    return get({ ...kernel, wgsl: () => wgsl }, immediate);
  });
}

describe('a driver that compiles a kernel wrongly', () => {
  it('makes the tuner leave that kernel out, by name', async () => {
    biased(); // it would be chosen otherwise
    miscompiled(nameOf('block'));
    const { host, warnings } = memoryHost();
    const tuner = await Tuner.open(gpu, host);
    gpu.tuning.variantOf(SHAPE);
    await tuner.measure();
    expect(gpu.tuning.variantOf(SHAPE)).not.toBe('block');
    expect(warnings).toEqual([expect.stringContaining(`the kernel ${nameOf('block')} wrongly`)]);
  });

  it('makes no run compute with it, though it is the first', async () => {
    miscompiled(nameOf(START));
    const device = new WebGpuDevice(gpu, {}, await Tuner.open(gpu, memoryHost().host));
    const { values, destroy } = await product(device);
    const found = await values();
    let expected = 0;
    for (let k = 0; k < SHAPE.K; k++) expected += Math.sin(k) * Math.sin(k);
    expect(found[0]).toBeCloseTo(expected, 3);
    destroy();
    expect(gpu.buffers.liveLabels).toEqual([]);
  });

  it('refuses a program when no kernel is correct', async () => {
    miscompiled('matmul');
    const device = new WebGpuDevice(gpu, {}, await Tuner.open(gpu, memoryHost().host));
    await expect(product(device)).rejects.toMatchObject({ code: 'device/wrong-results' });
    const operands = gpu.buffers.liveLabels;
    expect(new Set(operands)).toEqual(new Set(['operand']));
  });

  it.each(['FORWARD', 'GRAD_Q', 'GRAD_KV'] as const)('computes attention %s otherwise', async (form) => {
    miscompiled(`attention/${form.toLowerCase()}-4×1-tile`);
    const { host, warnings } = memoryHost();
    const tuner = await Tuner.open(gpu, host);
    expect(gpu.tuning.attentionOf(form, 4)).toBe('tiles');
    await tuner.measure();
    expect(gpu.tuning.choices.attention).toEqual({ [`${form} 4`]: 'rolled' });
    expect(warnings).toHaveLength(1);
    expect(gpu.buffers.liveLabels).toEqual([]);
  });
});

describe('Tuner', () => {
  it('measures a requested class, stores the choice, and measures nothing at the next start', async () => {
    const { host, clock, choices } = memoryHost();
    const tuner = await Tuner.open(gpu, host);
    expect(gpu.tuning.variantOf(SHAPE)).toBe(START);
    expect(gpu.tuning.attentionOf('FORWARD', 6)).toBe('tiles');
    const reports: string[] = [];
    await tuner.measure((done, total) => reports.push(`${done} of ${total}`));
    expect(reports).toEqual(['0 of 2', '1 of 2', '2 of 2']);
    const chosen = gpu.tuning.variantOf(SHAPE);
    expect(variantsOf(SHAPE, gpu.tuning)).toContain(chosen);
    expect(gpu.buffers.liveLabels).toEqual([]);
    const attention = { 'FORWARD 6': gpu.tuning.attentionOf('FORWARD', 6) };
    expect(choices()).toEqual({ attention, matmul: { [CLASS]: chosen } });
    expect(clock.readings).toBeGreaterThan(0);

    const { gpu: next } = await acquireCardGpu();
    clock.readings = 0;
    const again = await Tuner.open(next, host);
    expect(next.tuning.variantOf(SHAPE)).toBe(chosen);
    expect(next.tuning.attentionOf('FORWARD', 6)).toBe(attention['FORWARD 6']);
    expect(next.tuning.choices).toEqual(choices());
    const compiled = vi.spyOn(next.pipelines, 'get');
    await again.measure();
    expect(clock.readings).toBe(0);
    expect(compiled).not.toHaveBeenCalled();
    await next.destroy();
  });

  it('measures before a program runs, which has the chosen kernel from its first run on', async () => {
    biased();
    const device = new WebGpuDevice(gpu, {}, await Tuner.open(gpu, memoryHost().host));
    const { values, destroy } = await product(device);
    const chosen = gpu.tuning.variantOf(SHAPE);
    expect(chosen).not.toBe(START);
    const set = vi.spyOn(GPUComputePassEncoder.prototype, 'setPipeline');
    const found = await values();
    expect(set.mock.calls).toEqual([[await gpu.pipelines.get(planVariant(SHAPE, chosen, CARD).kernel)]]);
    expect(found).not.toEqual(new Float32Array(found.length));
    destroy();
    expect(gpu.buffers.liveLabels).toEqual([]);
  });

  it('measures once for programs that are recorded together', async () => {
    const { host } = memoryHost();
    const device = new WebGpuDevice(gpu, {}, await Tuner.open(gpu, host));
    const create = vi.spyOn(gpu.buffers, 'confirmed');
    const programs = await Promise.all([product(device), product(device)]);
    expect(create).toHaveBeenCalledTimes(1);
    for (const { destroy } of programs) destroy();
  });

  it('measures nothing on a software adapter', async () => {
    const { gpu: software } = await acquireTestGpu();
    const { host, clock } = memoryHost();
    const tuner = await Tuner.open(software, host);
    expect(software.tuning.variantOf(SHAPE)).toBe('register-4');
    expect(software.tuning.attentionOf('FORWARD', 6)).toBe('rolled');
    const compiled = vi.spyOn(software.pipelines, 'get');
    await tuner.measure();
    expect(clock.readings).toBe(0);
    expect(compiled).not.toHaveBeenCalled();
    await software.destroy();
  });

  it('skips a class that there is no room to measure', async () => {
    const { host, choices } = memoryHost();
    const tuner = await Tuner.open(gpu, host);
    const createBuffer = vi.spyOn(gpu.device, 'createBuffer');
    let isFull = true;
    vi.spyOn(gpu.device, 'popErrorScope').mockImplementation(() => {
      const isTuning = createBuffer.mock.lastCall?.[0].label?.startsWith('tuning') ?? false;
      return Promise.resolve(isFull && isTuning ? ({ message: 'full' } as GPUOutOfMemoryError) : null);
    });
    gpu.tuning.variantOf(SHAPE);
    await tuner.measure();
    isFull = false;
    gpu.tuning.variantOf(OTHER);
    await tuner.measure();
    expect(gpu.tuning.variantOf(SHAPE)).toBe(START);
    expect(choices()?.matmul).toEqual({ [classOf(OTHER)]: gpu.tuning.variantOf(OTHER) });
    expect(gpu.tuning.wanted).toEqual([]);
    expect(gpu.buffers.liveLabels).toEqual([]);
    await gpu.buffers.verified();
    gpu.check();
  });

  it('measures again when a choice stored by another device cannot run on this one', async () => {
    const odd = { ...SHAPE, packedB: { packing: 'int8', elements: SHAPE.N * SHAPE.K } } as const;
    gpu.tuning.choose(classOf(odd), 'block');
    expect(gpu.tuning.variantOf(odd)).toBe(startVariant(odd, CARD));
    const tuner = await Tuner.open(gpu, memoryHost().host);
    await tuner.measure();
    expect(variantsOf(odd, CARD)).toContain(gpu.tuning.variantOf(odd));
    expect(gpu.tuning.choices.matmul).not.toEqual({ [classOf(odd)]: 'block' });
  });

  it('measures a product of a part of a matrix with kernels that can read one', async () => {
    biased(); // the last is taken
    const part = { ...plainProduct('nt', 70, 64, 32), window: { rowC: 128 } };
    const tuner = await Tuner.open(gpu, memoryHost().host);
    gpu.tuning.variantOf(part);
    await tuner.measure();
    expect(gpu.tuning.variantOf(part)).toBe('block');
  });

  it('measures a product whose operands may be rounded separately, with kernels that round', async () => {
    const { gpu: card } = await acquireCardGpu('shader-f16');
    if (card.device.features.has('shader-f16')) {
      biased(); // the last that is right is taken
      const { host, choices } = memoryHost();
      const tuner = await Tuner.open(card, host);
      const half = { ...SHAPE, halves: 'both' } as const;
      card.tuning.choose(CLASS, 'register-8');
      card.tuning.variantOf(half);
      await tuner.measure();
      expect(card.tuning.variantOf(half)).toBe('block-half');
      expect(card.tuning.variantOf(SHAPE)).toBe('register-8');
      expect(choices()?.matmul).toEqual({ [CLASS]: 'register-8', [classOf(half)]: 'block-half' });
    } else expect(card.facts.features).not.toContain('shader-f16'); // SwiftShader's device has none
    await card.destroy();
  });

  it('stops after the class that it measures, with everything freed', async () => {
    const tuner = await Tuner.open(gpu, memoryHost().host);
    gpu.tuning.variantOf(SHAPE);
    gpu.tuning.variantOf(OTHER);
    let stopped: Promise<void> | undefined;
    await tuner.measure(() => {
      stopped ??= tuner.stop();
    });
    await stopped;
    expect(Object.keys(gpu.tuning.choices.matmul)).toEqual([CLASS]);
    expect(gpu.buffers.liveLabels).toEqual([]);
    await tuner.measure(() => expect.unreachable('later requests are not measured'));
  });

  it('fails with the loss of the device, with everything freed', async () => {
    const tuner = await Tuner.open(gpu, memoryHost().host);
    const done = gpu.device.queue.onSubmittedWorkDone.bind(gpu.device.queue);
    vi.spyOn(gpu.device.queue, 'onSubmittedWorkDone').mockImplementation(() => {
      gpu.device.destroy();
      return done();
    });
    gpu.tuning.variantOf(SHAPE);
    await expect(tuner.measure()).rejects.toMatchObject({ code: 'device/lost' });
    expect(gpu.buffers.liveLabels).toEqual([]);
  });

  it('takes choices from a store unchanged, by the names of device and platform', async () => {
    const asked: string[] = [];
    const { host } = memoryHost();
    const choices: KernelChoices = { attention: { 'FORWARD 32': 'rolled' }, matmul: { [CLASS]: 'block' } };
    const read = (device: string): Promise<unknown> => Promise.resolve((asked.push(device), choices));
    await Tuner.open(gpu, { ...host, store: { ...host.store, read } });
    expect(gpu.tuning.choices).toEqual(choices);
    expect(gpu.tuning.variantOf(SHAPE)).toBe('block');
    expect(asked[0]).toContain(gpu.facts.description);
    expect(asked[0]).toContain('test');
  });
});

test.each([
  ['llvmpipe', 'rolled'],
  ['NVIDIA GeForce RTX 3060', 'tiles'],
])('attention on %s begins with %s', async (description, variant) => {
  const { gpu: strict } = await openStrictGpu(description);
  expect(strict.tuning.attentionOf('GRAD_KV', 64)).toBe(variant);
});

describe('readKernelChoices', () => {
  it('refuses values that this version did not write', () => {
    const good = { attention: { 'FORWARD 32': 'tiles' }, matmul: { [CLASS]: 'register-8' } };
    expect(readKernelChoices(good)).toEqual(good);
    expect(readKernelChoices({ attention: {}, matmul: {} })).toEqual({ attention: {}, matmul: {} });
    for (const bad of [
      undefined,
      null,
      'block',
      {},
      { ...good, attention: 'tiles' },
      { ...good, attention: undefined },
      { ...good, attention: { a: 'two-rows' } },
      { ...good, matmul: null },
    ]) {
      expect(readKernelChoices(bad)).toBeUndefined();
    }
    expect(readKernelChoices({ ...good, matmul: { [CLASS]: 'wmma' } })).toBeUndefined();
  });
});

describe('undisturbed', () => {
  it('tolerates long times and single short ones', () => {
    expect(undisturbed([7])).toBe(7);
    expect(undisturbed([9, 7])).toBe(7);
    expect(undisturbed([6.1, 3.7, 6, 14])).toBe(6);
    // Seen on a CPU that computes as a graphics card does, beside others.
    expect(undisturbed([6.2, 13.9, 6.3, 6.2, 3.7, 6.2, 10, 6.1])).toBe(6.2);
  });
});

describe('measured', () => {
  const side = fc.oneof(fc.integer({ min: 1, max: 600 }), fc.constantFrom(32, 63, 64, 512, 1024, 4096, 32_001));
  const products = fc.record({
    layout: fc.constantFrom('nt', 'nn', 'tn'),
    M: side,
    N: side,
    K: side,
    isPart: fc.boolean(),
    halves: fc.constantFrom(undefined, 'b', 'both'),
  });

  it('is as large, up to some milliseconds and megabytes, and has the same kernels', () => {
    fc.assert(
      fc.property(products, fc.constantFrom(1, 3, 200), ({ layout, M, N, K, isPart, halves }, batch) => {
        const part = isPart && { window: { rowC: 33_000 } };
        const plain = { ...plainProduct(layout, M, N, K), batch, ...part, ...(halves && { halves }) };
        const packedB = { packing: 'int8', elements: batch * N * K } as const;
        for (const product of [plain, { ...plain, packedB }]) {
          const found = measured(product);
          expect(variantsOf(found, CARD)).toEqual(variantsOf(product, CARD));
          expect(found.batch * found.M * found.N * found.K).toBeLessThan(2.02 * 2 ** 31);
          if (Math.max(M, N, K) <= 512) expect(found).toMatchObject({ M, N, K });
        }
      }),
    );
  });
});

describe('shapeClassOf', () => {
  it('separates only products that may prefer different kernels', () => {
    const classes = (shape: MatmulShape): string | undefined => shapeClassOf(shape, CARD);
    expect(classes({ ...SHAPE, M: 127 })).toBe(CLASS);
    expect(classes({ ...SHAPE, addend: true })).toBe(CLASS);
    const few = plainProduct('nt', 8, 64, 512);
    const others = [{ ...SHAPE, M: 128 }, { ...SHAPE, layout: 'nn' } as const, { ...SHAPE, K: 36 }, few];
    const names = [SHAPE, ...others, { ...few, batch: 2 }].map(classes);
    expect(names).not.toContain(undefined);
    expect(new Set(names).size).toBe(6);
    expect(classes(plainProduct('nt', 8, 8, 8))).toBeUndefined();
    expect(shapeClassOf(SHAPE, SOFTWARE)).toBeUndefined();
  });
});
