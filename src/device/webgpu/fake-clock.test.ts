import { afterEach, describe, expect, it, vi } from 'vitest';
import { acquireCardGpu, TESTS_CLOCK } from '../../testing/devices.ts';
import { type MatmulShape, plainProduct } from '../matmul-shape.ts';
import type { Gpu } from './gpu.ts';
import { type MatmulVariant, planVariant, startVariant, variantsOf } from './kernels/matmul-variants.ts';
import { Tuner } from './tune.ts';

type Costs = Partial<Record<MatmulVariant, number>>;

// Odd: no kernel takes long to compile.
const SHAPE = plainProduct('nt', 70, 64, 33);

/** How a device's clock reads the milliseconds that have passed, in nanoseconds. */
const CLOCKS = {
  'rounds to 100 µs': (passed: number) => BigInt(1e6 + Math.floor(passed * 10) * 1e5),
  'stands still': () => 1_000_000n,
};

let gpu: Gpu;
afterEach(async () => {
  vi.restoreAllMocks();
  await gpu.destroy();
});

/**
 * The choice for a product on a device that computes but takes simulated times: `costs` milliseconds for the kernels
 * named, and 10 for others.
 */
async function chosen(shape: MatmulShape, costs: Costs, clock?: keyof typeof CLOCKS): Promise<MatmulVariant> {
  const named = Object.entries(costs) as [MatmulVariant, number][];
  const milliseconds = new Map(named.map(([name, cost]) => [planVariant(shape, name, gpu.tuning).kernel.name, cost]));
  const costOf = (kernel: string): number => milliseconds.get(kernel) ?? (kernel.startsWith('matmul/reduce') ? 0 : 10);
  const store = { read: () => Promise.resolve(undefined), write: () => Promise.resolve() };
  const tuner = await Tuner.open(gpu, { now: simulated(costOf, clock), platform: 'test', store });
  gpu.tuning.variantOf(shape);
  await tuner.measure();
  return gpu.tuning.variantOf(shape);
}

/**
 * Makes time pass by the calls that are encoded, also for the device's timestamps if it has a clock. The device computes
 * each call of a pass once: its repeats would write the same numbers.
 *
 * @returns the host's clock.
 */
function simulated(costOf: (kernel: string) => number, clock?: keyof typeof CLOCKS): () => number {
  let passed = 0.0371;
  let kernel = '';
  const ticks: bigint[] = [];
  const tick = (index: number | undefined): void => {
    if (clock !== undefined && index !== undefined) ticks[index] = CLOCKS[clock](passed);
  };
  const createEncoder = gpu.device.createCommandEncoder.bind(gpu.device);
  vi.spyOn(gpu.device, 'createCommandEncoder').mockImplementation((...given) => {
    const encoder = createEncoder(...given);
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (descriptor) => {
      const pass = begin();
      const set = pass.setPipeline.bind(pass);
      const bind = pass.setBindGroup.bind(pass) as (...given: unknown[]) => void;
      const dispatch = pass.dispatchWorkgroups.bind(pass);
      const end = pass.end.bind(pass);
      const computed = new Map<unknown, Set<string>>();
      let bound: unknown;
      tick(descriptor?.timestampWrites?.beginningOfPassWriteIndex);
      pass.setPipeline = (pipeline) => {
        kernel = pipeline.label;
        set(pipeline);
      };
      pass.setBindGroup = (index: number, group: unknown, ...offsets: unknown[]) => {
        bound = group;
        bind(index, group, ...offsets);
      };
      pass.dispatchWorkgroups = (...groups) => {
        passed += costOf(kernel);
        const calls = computed.get(bound) ?? new Set();
        const call = `${kernel} ${groups.join(' ')}`;
        if (!calls.has(call)) dispatch(...groups);
        computed.set(bound, calls.add(call));
      };
      pass.end = () => {
        tick(descriptor?.timestampWrites?.endOfPassWriteIndex);
        end();
      };
      return pass;
    };
    if (clock !== undefined) {
      encoder.resolveQuerySet = (_set, first, count, target) =>
        gpu.device.queue.writeBuffer(target, 0, BigUint64Array.from(ticks.slice(first, first + count)));
    }
    return encoder;
  });
  const create = gpu.buffers.create.bind(gpu.buffers);
  vi.spyOn(gpu.buffers, 'create').mockImplementation((label, bytes, usage) =>
    clock !== undefined && label === 'timestamps'
      ? gpu.buffers.storage('simulated', bytes)
      : create(label, bytes, usage),
  );
  return () => passed;
}

describe('the tuner finds the quickest kernel', () => {
  // All but the first are so quick that its repeats do not suffice. Some are too quick for a clock that stands still to
  // be noticed by the time that passes.
  const clocks = [
    ['rounds to 100 µs', 1],
    ['stands still', 0.05],
  ] as const;
  it.runIf(TESTS_CLOCK).each(clocks)('by a device’s clock that %s, kernels of %d ms', async (clock, unit) => {
    ({ gpu } = await acquireCardGpu('timestamp-query'));
    expect(variantsOf(SHAPE, gpu.tuning)[0]).toBe('block-light');
    const costs = { 'block-light': 3.1 * unit, 'register-8': 0.25 * unit, block: 0.23 * unit };
    expect(await chosen(SHAPE, costs, clock)).toBe('block');
    expect(gpu.buffers.liveLabels).toEqual([]);
  });

  const few = plainProduct('nt', 8, 64, 512);
  const stack = {
    ...plainProduct('nn', 40, 33, 96),
    batch: 3,
    batchStrideA: 3840,
    batchStrideB: 3168,
    batchStrideC: 1320,
  };
  it.each([
    ['few rows', few, { 'few-rows': 0.4, 'register-8': 0.3 }, 'register-8'],
    ['a stack', stack, { 'block-light': 0.4, block: 0.1, 'register-8': 0.3 }, 'block'],
    ['packed rows', { ...few, M: 40, packedB: { packing: 'int8', elements: 64 * 512 } }, { block: 0.1 }, 'block'],
  ] as const)('of %s on a card without a clock', async (_, shape, costs, best) => {
    ({ gpu } = await acquireCardGpu());
    expect(gpu.tuning.variantOf(shape)).toBe(startVariant(shape, gpu.tuning));
    expect(await chosen(shape, costs)).toBe(best);
    expect(gpu.tuning.wrong).toEqual([]);
  });
});

describe('a kernel that cannot be measured leaves the others in', () => {
  const costs = { 'block-light': 3, 'register-8': 1, block: 0.5 };
  const replaced = (name: string, get: () => Promise<never>): void => {
    const original = gpu.pipelines.get.bind(gpu.pipelines);
    vi.spyOn(gpu.pipelines, 'get').mockImplementation((kernel, immediate) =>
      kernel.name === name ? get() : original(kernel, immediate),
    );
  };

  it('if it does not compile', async () => {
    ({ gpu } = await acquireCardGpu());
    replaced(planVariant(SHAPE, 'register-8', gpu.tuning).kernel.name, () => Promise.reject(new Error('no')));
    expect(await chosen(SHAPE, costs)).toBe('block');
  });

  it('if it takes too long to compile', async () => {
    ({ gpu } = await acquireCardGpu());
    replaced(planVariant(SHAPE, 'register-8', gpu.tuning).kernel.name, () => new Promise<never>(() => undefined));
    expect(await chosen(SHAPE, costs)).toBe('block');
  });
});
