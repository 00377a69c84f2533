import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { acquirePacedGpu, TESTS_CLOCK } from '../../testing/devices.ts';
import { wholeOf } from '../buffers.ts';
import { plainProduct } from '../matmul-shape.ts';
import { SOFTWARE } from './kernels/product-shader.ts';
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
  async function timed(timestamps: boolean, rounds = 3, now = () => performance.now()) {
    const clocks = { now, timestamps };
    const shape = plainProduct('nt', 128, 128, 128);
    const tensors = [0, 1, 2].map((i) => wholeOf(gpu.buffers.storage(`${i}`, 128 * 128 * 4)));
    const dispatch = { ...planVariant(shape, 'register-4', SOFTWARE), tensors };
    const programs = [
      await GpuProgram.record(gpu, 'once', [dispatch]),
      await GpuProgram.record(gpu, 'many times', new Array<typeof dispatch>(TIMES).fill(dispatch)),
    ];
    submitWhole(gpu, programs); // compiles where that is done at first use
    const timer = new DeviceTimer(gpu, clocks, 2);
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
    // The host's clock runs on while other programs have the cores, which speaks against a device's: it stands still.
    const { clocks, least } = await timed(timestamps, 3, timestamps ? () => 0 : undefined);
    expect(clocks.timestamps).toBe(timestamps);
    expect(least[0]).toBeGreaterThan(0);
    // How much longer depends on what else the machine does.
    expect(least[1]).toBeGreaterThan(least[0]);
  });

  /** Replaces the times that the device's clock reports; gives them the number of reports so far. */
  function scriptTicks(tick: (reported: number) => bigint): void {
    let reported = 0;
    const original = gpu.device.createCommandEncoder.bind(gpu.device);
    vi.spyOn(gpu.device, 'createCommandEncoder').mockImplementation(() => {
      const encoder = original();
      encoder.resolveQuerySet = (_set, _first, count, target) => {
        const values = BigUint64Array.from({ length: count }, () => tick(++reported));
        gpu.device.queue.writeBuffer(target, 0, values);
      };
      return encoder;
    });
    const create = gpu.buffers.create.bind(gpu.buffers);
    vi.spyOn(gpu.buffers, 'create').mockImplementation((label, bytes, usage) =>
      label === 'timestamps' ? gpu.buffers.storage('mock', bytes) : create(label, bytes, usage),
    );
  }

  it.runIf(TESTS_CLOCK)('divides the nanoseconds of each program by its repeats', async () => {
    scriptTicks((reported) => BigInt(reported ** 2) * 1_000_000n); // 1, 4, 9 and 16 ms
    const tensors = [0, 1, 2].map((i) => wholeOf(gpu.buffers.storage(`${i}`, 8 * 8 * 4)));
    const dispatch = { ...planVariant(plainProduct('nt', 8, 8, 8), 'register-4', SOFTWARE), tensors };
    const program = await GpuProgram.record(gpu, 'small', [dispatch]);
    const clocks = { now: () => performance.now(), timestamps: true };
    const timer = new DeviceTimer(gpu, clocks, 2);
    const times = await timer.times([3, 2].map((repeats) => ({ program, repeats })));
    timer.destroy();
    expect(times).toEqual([1, 3.5]);
  });

  it.runIf(TESTS_CLOCK).each([
    ['stands still', () => 0n],
    ['runs backwards', (i: number) => BigInt(1e12 - i * 1e6)],
    ['ignores the work', (i: number) => BigInt(1e12 + i)],
  ])('ignores a device clock that %s', async (_, tick) => {
    scriptTicks(tick);
    const { clocks, least } = await timed(true, 1);
    expect(clocks.timestamps).toBe(false);
    expect(Math.min(...least)).toBeGreaterThan(0);
  });
});
