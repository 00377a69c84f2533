import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { acquirePacedGpu, TESTS_CLOCK } from '../../testing/devices.ts';
import { wholeOf } from '../buffers.ts';
import { plainProduct } from '../matmul-shape.ts';
import { SOFTWARE } from './adapter-traits.ts';
import { DeviceTimer } from './device-timer.ts';
import type { Gpu } from './gpu.ts';
import { planVariant } from './kernels/matmul-variants.ts';
import { GpuProgram, submitWhole } from './program.ts';

let gpu: Gpu;
beforeEach(async () => {
  ({ gpu } = await acquirePacedGpu());
});
afterEach(async () => {
  vi.restoreAllMocks();
  await gpu.destroy();
});

describe('DeviceTimer', () => {
  const TIMES = 8;

  /** Programs of one product, once and {@link TIMES} over. */
  async function timed(timestamps: boolean, rounds = 8) {
    const clocks = { now: () => performance.now(), timestamps };
    const shape = plainProduct('nt', 128, 128, 128);
    const tensors = [0, 1, 2].map((i) => wholeOf(gpu.buffers.storage(`${i}`, 128 * 128 * 4)));
    const dispatch = { ...planVariant(shape, 'register-4', SOFTWARE), tensors };
    const programs = [
      await GpuProgram.record(gpu, 'once', [dispatch]),
      await GpuProgram.record(gpu, 'many times', new Array<typeof dispatch>(TIMES).fill(dispatch)),
    ];
    submitWhole(gpu, programs); // compiles where that is done at first use
    const timer = new DeviceTimer(gpu, clocks, 2, new Promise<never>(() => undefined));
    const repeats = await timer.repeatsFor(programs[0]);
    // The minimum of some: the machine does other things as well.
    const least = [Infinity, Infinity];
    for (let round = 0; round < rounds; round++) {
      const times = await timer.times(programs.map((program) => ({ program, repeats })));
      times.forEach((time, i) => (least[i] = Math.min(least[i], time)));
    }
    timer.destroy();
    return { clocks, least, repeats };
  }

  const clocks = TESTS_CLOCK ? [true, false] : [false];
  it.each(clocks)('times programs, with the device’s clock: %s', async (timestamps) => {
    expect(gpu.facts.features.includes('timestamp-query')).toBe(TESTS_CLOCK);
    const { clocks, least } = await timed(timestamps);
    expect(clocks.timestamps).toBe(timestamps);
    expect(least[0]).toBeGreaterThan(0);
    // TIMES on a machine that does nothing else; the host's clock counts what others do.
    expect(least[1] / least[0]).toBeGreaterThan(TIMES / 4);
    expect(least[1] / least[0]).toBeLessThan(TIMES * 10);
  });

  it.runIf(TESTS_CLOCK).each([
    ['stands still', () => 0n],
    ['runs backwards', (i: number) => BigInt(1e12 - i * 1e6)],
    ['ignores the work', (i: number) => BigInt(1e12 + i)],
  ])('ignores a device clock that %s', async (_, tick) => {
    let ticks = 0;
    const original = gpu.device.createCommandEncoder.bind(gpu.device);
    vi.spyOn(gpu.device, 'createCommandEncoder').mockImplementation(() => {
      const encoder = original();
      encoder.resolveQuerySet = (_set, _first, count, target) => {
        const values = BigUint64Array.from({ length: count }, () => tick(++ticks));
        gpu.device.queue.writeBuffer(target, 0, values);
      };
      return encoder;
    });
    const create = gpu.buffers.create.bind(gpu.buffers);
    vi.spyOn(gpu.buffers, 'create').mockImplementation((label, bytes, usage) =>
      label === 'timestamps' ? gpu.buffers.storage('mock', bytes) : create(label, bytes, usage),
    );
    const { clocks, least } = await timed(true, 2);
    expect(clocks.timestamps).toBe(false);
    expect(least[1] / least[0]).toBeGreaterThan(2);
  });
});
