import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { type Compiled, compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { openStrictGpu } from '../../testing/strict-gpu.ts';
import { acquirePacedGpu, testsKernel } from '../../testing/devices.ts';
import { type OwnedBuffer, wholeOf } from '../buffers.ts';
import type { Gpu } from './gpu.ts';
import { SOFTWARE } from './adapter-traits.ts';
import { DeviceTimer } from './device-timer.ts';
import { type MatmulShape, plainProduct, windowOf } from '../matmul-shape.ts';
import { planVariant, shapeClass, startVariant, variantsOf } from './kernels/matmul-variants.ts';
import { measured, undisturbed } from './quickest.ts';
import { tuneGpu, type TuningHost } from './tune.ts';
import { type KernelChoices, readKernelChoices, Tuning } from './tuning.ts';
import type { WebGpuDevice } from './webgpu-device.ts';

// Odd, and too few rows for the largest tile: what is left compiles quickly.
const SHAPE = plainProduct('nt', 70, 64, 33);
const classOf = (shape: MatmulShape): string => shapeClass(shape, SOFTWARE) ?? '';
const CLASS = classOf(SHAPE);
const SAFE = startVariant(SHAPE, SOFTWARE);
const OTHER = { ...SHAPE, layout: 'nn' } as const;

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
  return { host, kept, clock, choices: () => [...kept.values()][0] as KernelChoices | undefined };
}

/** A product, by default of class {@link CLASS}, as a program of its own; `values` runs it. */
async function product({ M, N, K } = SHAPE): Promise<{ values: () => Promise<Float32Array>; destroy: () => void }> {
  const owned: OwnedBuffer[] = [];
  const operand = (rows: number): Tensor => {
    const buffer = gpu.buffers.storage('operand', rows * K * 4);
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

/** Names of kernels in the order in which they begin to be compiled. */
function compiledKernels(gpu: Gpu): string[] {
  const names: string[] = [];
  const get = gpu.pipelines.get.bind(gpu.pipelines);
  vi.spyOn(gpu.pipelines, 'get').mockImplementation((kernel) => (names.push(kernel.name), get(kernel)));
  return names;
}

const nameOf = (variant: Parameters<typeof planVariant>[1], gpu: Gpu): string =>
  planVariant(SHAPE, variant, gpu.tuning).kernel.name;

/** Makes a kernel the winner, or any other than the safe one. */
function biased(): void {
  vi.spyOn(DeviceTimer.prototype, 'times').mockImplementation((programs) =>
    Promise.resolve(programs.map((_, i) => 10 - i)),
  );
}

let device: WebGpuDevice;
let gpu: Gpu;
beforeEach(async () => {
  device = await acquirePacedGpu();
  ({ gpu } = device);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await gpu.destroy();
});

/** Makes the compiler of kernels whose names begin so a wrong one. */
function miscompiled(gpu: Gpu, ...names: string[]): void {
  const get = gpu.pipelines.get.bind(gpu.pipelines);
  vi.spyOn(gpu.pipelines, 'get').mockImplementation((kernel) => {
    if (!names.some((name) => kernel.name.startsWith(name))) return get(kernel);
    const wgsl = kernel.wgsl?.().replaceAll(/p\.(alpha|scale)/g, '(1.01 * p.$1)') ?? '';
    return get({ ...kernel, wgsl: () => wgsl });
  });
}

describe('a driver that compiles a kernel wrongly', () => {
  const wanted = async (): Promise<{ warnings: string[] }> => {
    const warnings: string[] = [];
    await tuneGpu(gpu, { ...memoryHost().host, warn: (text) => warnings.push(text) });
    gpu.tuning.variantOf(SHAPE);
    await gpu.tuning.settled();
    return { warnings };
  };

  it('makes the tuner leave that kernel out, by name', async () => {
    biased(); // it would be chosen otherwise
    miscompiled(gpu, nameOf('block', gpu));
    const { warnings } = await wanted();
    expect(gpu.tuning.variantOf(SHAPE)).not.toBe('block');
    expect(warnings).toEqual([expect.stringContaining(`the kernel ${nameOf('block', gpu)} wrongly`)]);
    expect(() => gpu.check()).not.toThrow();
  });

  it('ends a run that started with it, and lets the next start with another', async () => {
    miscompiled(gpu, nameOf(SAFE, gpu));
    await wanted();
    expect(gpu.tuning.variantOf(SHAPE)).not.toBe(SAFE);
    expect(() => gpu.check()).toThrow(expect.objectContaining({ code: 'device/wrong-results' }));
  });

  it('ends a run when no kernel is correct', async () => {
    miscompiled(gpu, 'matmul');
    await wanted();
    expect(() => gpu.check()).toThrow(expect.objectContaining({ code: 'device/wrong-results' }));
    expect(gpu.buffers.liveLabels).toEqual([]);
  });

  it('makes the tuner leave its attention out as well', async () => {
    miscompiled(gpu, 'attention/forward-32×rolled');
    const warnings: string[] = [];
    await tuneGpu(gpu, { ...memoryHost().host, warn: (text) => warnings.push(text) });
    expect(gpu.tuning.attentionOf('GRAD_Q', 4)).toBe('rolled');
    await gpu.tuning.settled();
    expect(gpu.tuning.attentionOf('GRAD_Q', 4)).not.toBe('rolled');
    expect(warnings).toHaveLength(1);
  });

  it.each(['FORWARD', 'GRAD_Q', 'GRAD_KV'] as const)('makes a card compute attention %s otherwise', async (form) => {
    const card = { ...gpu, tuning: new Tuning(gpu.tuning.lanes, false) };
    miscompiled(card, `attention/${form.toLowerCase()}-4×1-tile`);
    await tuneGpu(card, memoryHost().host);
    expect(card.tuning.attentionOf(form, 4)).toBe('tiles');
    await card.tuning.settled();
    expect(card.tuning.choices.attention).toEqual({ [`${form} 4`]: 'rolled' });
    expect(() => card.check()).toThrow(expect.objectContaining({ code: 'device/wrong-results' }));
    expect(card.buffers.liveLabels).toEqual([]);
  });
});

describe('tuneGpu', () => {
  it('measures a requested class, stores the choice, and measures nothing at the next start', async () => {
    const { host, clock, choices } = memoryHost();
    await tuneGpu(gpu, host);
    expect(gpu.tuning.variantOf(SHAPE)).toBe(SAFE);
    expect(gpu.tuning.attentionOf('GRAD_KV', 6)).toBe(gpu.tuning.safeAttention);
    await gpu.tuning.settled();
    const chosen = gpu.tuning.variantOf(SHAPE);
    expect(variantsOf(SHAPE, gpu.tuning)).toContain(chosen);
    expect(gpu.buffers.liveLabels).toEqual([]);
    const attention = { 'FORWARD 32': gpu.tuning.attentionOf('GRAD_KV', 6) };
    expect(choices()).toEqual({ attention, matmul: { [CLASS]: chosen } });
    expect(clock.readings).toBeGreaterThan(0);

    const { gpu: next } = await acquirePacedGpu();
    clock.readings = 0;
    await tuneGpu(next, host);
    expect(next.tuning.variantOf(SHAPE)).toBe(chosen);
    expect(next.tuning.attentionOf('GRAD_KV', 6)).toBe(attention['FORWARD 32']);
    expect(next.tuning.choices).toEqual(choices());
    await next.tuning.settled();
    expect([clock.readings, next.pipelines.size]).toEqual([0, 0]);
    await next.destroy();
  });

  it('starts a program on a safe kernel, then gives it the chosen one', async () => {
    biased();
    const names = compiledKernels(gpu);
    await tuneGpu(gpu, memoryHost().host);
    const { values, destroy } = await product();
    const first = await values();
    expect(names).toEqual([nameOf(SAFE, gpu)]); // nothing else has begun

    await gpu.tuning.settled();
    const chosen = gpu.tuning.variantOf(SHAPE);
    expect(chosen).not.toBe(SAFE);
    const set = vi.spyOn(GPUComputePassEncoder.prototype, 'setPipeline');
    const then = await values();
    const { kernel } = planVariant(SHAPE, chosen, gpu.tuning);
    expect(set.mock.calls).toEqual([[await gpu.pipelines.get(kernel)]]);
    expect(then.every((value, i) => Math.abs(value - first[i]) < 1e-4)).toBe(true);
    expect(then).not.toEqual(new Float32Array(then.length));
    destroy();
    expect(gpu.buffers.liveLabels).toEqual([]);
  });

  it('gives a destroyed program no kernel, and a compiling one the latest', async () => {
    const [gone, compiling] = [await product(), product()];
    gpu.tuning.choose(CLASS, 'block');
    gone.destroy();
    const set = vi.spyOn(GPUComputePassEncoder.prototype, 'setPipeline');
    const { values, destroy } = await compiling;
    await gpu.tuning.settled();
    await values();
    expect(set.mock.calls).toEqual([[await gpu.pipelines.get(planVariant(SHAPE, 'block', gpu.tuning).kernel)]]);
    destroy();
    expect(gpu.buffers.liveLabels).toEqual([]);
  });

  it.runIf(testsKernel('subgroup-wide'))(
    'gives a program fewer dispatches, where the chosen kernel does not split K',
    async () => {
      const long = plainProduct('nt', 16, 8, 2048);
      const { values, destroy } = await product(long);
      const dispatch = vi.spyOn(GPUComputePassEncoder.prototype, 'dispatchWorkgroups');
      const first = await values();
      expect(dispatch).toHaveBeenCalledTimes(2);
      gpu.tuning.choose(classOf(long), 'subgroup-wide');
      await gpu.tuning.settled();
      const then = await values();
      expect(dispatch).toHaveBeenCalledTimes(3);
      // Sums of 2048 products, up to 1000, in another order.
      expect(then.every((value, i) => Math.abs(value - first[i]) < 1e-2)).toBe(true);
      destroy();
      expect(gpu.buffers.liveLabels).toEqual([]);
    },
  );

  it('leaves a program unchanged when a chosen kernel is unavailable', async () => {
    const { values, destroy } = await product();
    const first = await values();
    vi.spyOn(gpu.pipelines, 'get').mockRejectedValue(new Error('does not compile'));
    gpu.tuning.choose(CLASS, 'block');
    await gpu.tuning.settled();
    expect(await values()).toEqual(first);
    destroy();
    expect(gpu.buffers.liveLabels).toEqual([]);
  });

  it('stores a choice as soon as it is made, and skips a class that cannot be measured', async () => {
    const { host, choices } = memoryHost();
    await tuneGpu(gpu, host);
    const create = gpu.buffers.create.bind(gpu.buffers);
    let isFull = false;
    vi.spyOn(gpu.buffers, 'create').mockImplementation((...values) => {
      if (isFull) throw new Error('full');
      return create(...values);
    });
    gpu.tuning.variantOf(SHAPE);
    await gpu.tuning.settled();
    const kept = { attention: {}, matmul: { [CLASS]: gpu.tuning.variantOf(SHAPE) } };
    expect(choices()).toEqual(kept);
    isFull = true;
    gpu.tuning.variantOf(OTHER);
    await gpu.tuning.settled();
    expect(gpu.tuning.variantOf(OTHER)).toBe(SAFE);
    expect(choices()).toEqual(kept);
    expect(gpu.tuning.wanted).toBeUndefined();
  });

  it('measures products whose K some kernels split', async () => {
    const split = plainProduct('tn', 16, 128, 512);
    expect(planVariant(split, 'register-8', SOFTWARE).reduce).toBeDefined();
    const { host, choices } = memoryHost();
    await tuneGpu(gpu, host);
    expect(gpu.tuning.variantOf(split)).toBe(SAFE);
    await gpu.tuning.settled();
    expect(choices()?.matmul).toEqual({ [classOf(split)]: gpu.tuning.variantOf(split) });
  });

  it('silently skips a class that there is no room to measure', async () => {
    await tuneGpu(gpu, memoryHost().host);
    const createBuffer = vi.spyOn(gpu.device, 'createBuffer');
    vi.spyOn(gpu.device, 'popErrorScope').mockImplementation(() => {
      const isTuning = createBuffer.mock.lastCall?.[0].label?.startsWith('tuning') ?? false;
      return Promise.resolve(isTuning ? ({ message: 'full' } as GPUOutOfMemoryError) : null);
    });
    gpu.tuning.variantOf(SHAPE);
    await gpu.tuning.settled();
    expect(createBuffer).toHaveBeenCalled();
    expect(gpu.tuning.choices.matmul).toEqual({});
    expect(gpu.tuning.wanted).toBeUndefined();
    expect(gpu.buffers.liveLabels).toEqual([]);
    await gpu.buffers.verified();
    gpu.check();
  });

  it('measures again when a choice stored by another device cannot run on this one', async () => {
    const packed = { ...SHAPE, packedB: { packing: 'int8', elements: SHAPE.N * SHAPE.K } } as const;
    gpu.tuning.choose(classOf(packed), 'block');
    expect(gpu.tuning.variantOf(packed)).toBe(SAFE);
    await tuneGpu(gpu, memoryHost().host);
    expect(gpu.tuning.variantOf(packed)).toBe(SAFE);
    await gpu.tuning.settled();
    expect(variantsOf(packed, gpu.tuning)).toContain(gpu.tuning.variantOf(packed));
    expect(gpu.tuning.choices.matmul).not.toEqual({ [classOf(packed)]: 'block' });
  });

  it('measures a product of a part of a matrix with kernels that can read one', async () => {
    biased(); // the last is taken
    const part = { ...plainProduct('nt', 70, 64, 32), window: { rowC: 128 } };
    await tuneGpu(gpu, memoryHost().host);
    gpu.tuning.variantOf(part);
    await gpu.tuning.settled();
    expect(gpu.tuning.variantOf(part)).toBe('block');
  });

  it('measures a product whose operands may be rounded separately, with kernels that round', async () => {
    if (!gpu.device.features.has('shader-f16')) return; // SwiftShader's device has none
    biased(); // the last that is right is taken
    const { host, choices } = memoryHost();
    await tuneGpu(gpu, host);
    const half = { ...SHAPE, halves: 'both' } as const;
    gpu.tuning.choose(CLASS, 'register-8');
    expect(gpu.tuning.variantOf(half)).toBe(SAFE);
    await gpu.tuning.settled();
    expect(gpu.tuning.variantOf(half)).toBe('block-half');
    expect(gpu.tuning.variantOf(SHAPE)).toBe('register-8');
    expect(choices()?.matmul).toEqual({ [CLASS]: 'register-8', [classOf(half)]: 'block-half' });
  });

  // Before a class, while kernels run for the first time, while they are timed, and in the next class.
  it.each([0, 1, 2, 3, 4, 6, 8])('is stopped at its turn %i with everything freed', async (turn) => {
    const { host, choices } = memoryHost();
    let turns = 0;
    let stopped: Promise<void> | undefined;
    await tuneGpu(gpu, host);
    const done = gpu.device.queue.onSubmittedWorkDone.bind(gpu.device.queue);
    vi.spyOn(gpu.device.queue, 'onSubmittedWorkDone').mockImplementation(() => {
      if (turns++ === turn) stopped = gpu.tuning.stop();
      return done();
    });
    gpu.tuning.variantOf(SHAPE);
    gpu.tuning.variantOf(OTHER);
    await gpu.tuning.settled();
    await stopped;
    expect(stopped, `${turns} turns`).toBeDefined();
    expect(gpu.buffers.liveLabels).toEqual([]);
    expect(choices()?.matmul ?? {}).toEqual(gpu.tuning.choices.matmul);
    expect(Object.keys(gpu.tuning.choices.matmul)).not.toContain(classOf(OTHER));
    // Later requests are not measured.
    const before = turns;
    gpu.tuning.variantOf(plainProduct('tn', 70, 64, 33));
    await gpu.tuning.settled();
    expect(turns).toBe(before);
  });

  it('ends when the device is lost, with everything freed', async () => {
    const { host } = memoryHost();
    await tuneGpu(gpu, host);
    const done = gpu.device.queue.onSubmittedWorkDone.bind(gpu.device.queue);
    let turns = 0;
    vi.spyOn(gpu.device.queue, 'onSubmittedWorkDone').mockImplementation(() => {
      if (turns++ === 2) gpu.device.destroy();
      return done();
    });
    gpu.tuning.variantOf(SHAPE);
    await gpu.tuning.settled();
    expect(turns).toBeGreaterThan(2);
    expect(gpu.buffers.liveLabels).toEqual([]);
    expect(gpu.tuning.variantOf(SHAPE)).toBe(SAFE);
    await gpu.tuning.stop();
  });

  it('takes choices from a store unchanged, by the names of device and platform', async () => {
    const asked: string[] = [];
    const { host } = memoryHost();
    const choices: KernelChoices = { attention: { 'FORWARD 32': 'several-rows' }, matmul: { [CLASS]: 'block' } };
    const read = (device: string): Promise<unknown> => Promise.resolve((asked.push(device), choices));
    await tuneGpu(gpu, { ...host, store: { ...host.store, read } });
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
  const { gpu } = await openStrictGpu(description);
  expect(gpu.tuning.attentionOf('GRAD_KV', 64)).toBe(variant);
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
  const window = fc.option(
    fc.record({ more: fc.nat({ max: 5 }), offsetA: fc.constantFrom(0, 3, 128), offsetC: fc.constantFrom(0, 64, 65) }),
    { nil: undefined },
  );
  const products = fc.record({
    ...{ layout: fc.constantFrom('nt', 'nn', 'tn'), M: side, N: side, K: side, window },
    ...{ accumulate: fc.boolean(), halves: fc.constantFrom(undefined, 'b', 'both') },
  });

  it('is small on a CPU, and has the same kernels as the product it represents', () => {
    const traits = { isSoftware: true, lanes: 8 };
    let classes = 0;
    fc.assert(
      fc.property(products, ({ layout, M, N, K, window, accumulate, halves }) => {
        const whole = { ...plainProduct(layout, M, N, K), accumulate, ...(halves && { halves }) };
        const { rowA, rowB, rowC } = windowOf(whole);
        const { more = 0, ...offsets } = window ?? {};
        const place = { rowA: rowA + more, rowB: rowB + more, rowC: rowC + more, ...offsets };
        const product = window ? { ...whole, window: place } : whole;
        if (shapeClass(product, traits) === undefined) return;
        classes++;
        const small = measured(product, traits);
        expect(Math.max(small.M, small.N, small.K)).toBeLessThan(516);
        expect(new Set(variantsOf(small, traits))).toEqual(new Set(variantsOf(product, traits)));
        for (const variant of variantsOf(small, traits)) {
          const [one, other] = [small, product].map((shape) => planVariant(shape, variant, traits));
          expect(one.kernel.name).toBe(other.kernel.name);
          expect(one.reduce === undefined).toBe(other.reduce === undefined);
        }
      }),
      { numRuns: 3000 },
    );
    expect(classes).toBeGreaterThan(1000);
  });

  it('is as large on a card, up to some milliseconds and megabytes, and has the same kernels', () => {
    const card = { isSoftware: false };
    fc.assert(
      fc.property(products, fc.constantFrom(1, 3, 200), ({ layout, M, N, K, window }, batch) => {
        const plain = { ...plainProduct(layout, M, N, K), batch, ...(window && { window: { rowC: 33_000 } }) };
        const packedB = { packing: 'int8', elements: batch * N * K } as const;
        for (const product of [plain, { ...plain, packedB }]) {
          const found = measured(product, card);
          expect(variantsOf(found, card)).toEqual(variantsOf(product, card));
          expect(found.batch * found.M * found.N * found.K).toBeLessThan(2.02 * 2 ** 31);
          if (Math.max(M, N, K) <= 512) expect(found).toMatchObject({ M, N, K });
        }
      }),
    );
  });
});

describe('shapeClass', () => {
  it('separates only products that may prefer different kernels', () => {
    expect(classOf({ ...SHAPE, M: 127 })).toBe(CLASS);
    expect(classOf({ ...SHAPE, addend: true })).toBe(CLASS);
    expect(classOf({ ...SHAPE, M: 128 })).not.toBe(CLASS);
    expect(classOf({ ...SHAPE, layout: 'nn' })).not.toBe(CLASS);
    expect(classOf({ ...SHAPE, K: 36 })).not.toBe(CLASS);
    expect(shapeClass({ ...SHAPE, M: 8 }, SOFTWARE)).toBeUndefined();
    expect(shapeClass({ ...SHAPE, batch: 2 }, SOFTWARE)).toBeUndefined();
    // A card has kernels for few rows, and stacks to measure.
    const card = { isSoftware: false };
    const few = plainProduct('nt', 8, 64, 512);
    const names = [SHAPE, few, { ...few, batch: 2 }].map((shape) => shapeClass(shape, card));
    expect(names).not.toContain(undefined);
    expect(new Set(names).size).toBe(3);
  });
});
