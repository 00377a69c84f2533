import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Device } from '../device/device.ts';
import { canUnpackVec4 } from '../device/matmul-shape.ts';
import { startVariant } from '../device/webgpu/kernels/matmul-variants.ts';
import { WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import { acquirePacedGpu, acquireTestDevice } from '../testing/devices.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { tinyHost, tinySettings, onDevice } from '../testing/tiny-run.ts';
import type { RunEvent } from './events/events.ts';
import { Run } from './run.ts';

let device: WebGpuDevice;
beforeEach(async () => {
  device = await acquirePacedGpu();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await device.destroy();
});

/** SwiftShader's device cannot; there the tests check that the run is refused. */
const canBeHalf = (): boolean => device.gpu.device.features.has('shader-f16');

interface Reported {
  last: RunEvent | undefined;
  losses: number[];
  /** Whether weights were requested. */
  opened: boolean;
}

/** The events of a run of one task, by default on the device of this test. */
async function run(
  arithmetic: 'f32' | 'f16',
  acquire = (): Promise<Device> =>
    Promise.resolve(new WebGpuDevice({ ...device.gpu, destroy: () => Promise.resolve() })),
): Promise<Reported> {
  const events: RunEvent[] = [];
  const openModel = vi.fn(() => Promise.resolve(tinyModel()));
  const host = tinyHost((event) => events.push(event), { ...onDevice(acquire), openModel });
  // gorp-plus has products of adapters and of whole weights, forwards and backwards.
  const settings = { ...tinySettings('gorp-plus', { epochs: 1, arithmetic }), order: ['gloss'] };
  await new Run(host, settings).execute();
  const losses = events.flatMap((event) => (event.type === 'steps' ? event.losses : []));
  return { last: events.at(-1), losses, opened: openModel.mock.calls.length > 0 };
}

test('a run with products of 16-bit floats is refused before weights are fetched if the device cannot do it', async () => {
  Object.defineProperty(device.gpu.device, 'features', { value: new Set<string>() });
  const { last, opened } = await run('f16');
  expect(last).toMatchObject({ type: 'failed', error: { code: 'device/no-f16' } });
  expect(last?.type === 'failed' && last.error.nextStep).toMatch(/f32/);
  expect(opened).toBe(false);
  expect(device.gpu.tuning.halves).toBe(false);
});

/** Shares of the loss, which later steps amplify: on WebGPU the rounding of f32, in f16 that of an operand, 5e-4. */
const BOUNDS = { f32: { first: 1e-5, later: 1e-3 }, f16: { first: 3e-3, later: 5e-3 } };

test('a run on WebGPU learns as on the CPU, also with every eligible product rounded, and only then rounds any', async () => {
  const onCpu = await run('f32', acquireTestDevice);
  expect(onCpu.losses.length).toBeGreaterThan(2);
  expect(onCpu.losses.at(-1)).toBeLessThan(onCpu.losses[0]);

  const { tuning } = device.gpu;
  for (const arithmetic of ['f16', 'f32'] as const) {
    const isHalf = arithmetic === 'f16';
    if (isHalf && !canBeHalf()) {
      expect((await run('f16')).last?.type).toBe('failed');
      continue;
    }
    let rounded = 0;
    const variantOf = vi.spyOn(tuning, 'variantOf').mockImplementation((shape) => {
      if (shape.halves === undefined || !canUnpackVec4(shape)) return startVariant(shape, tuning);
      rounded++;
      return 'block-half';
    });
    const { last, losses } = await run(arithmetic);
    variantOf.mockRestore();
    expect(last?.type).toBe('finished');
    // The first run allowed halves; the second takes that back.
    expect(tuning.halves).toBe(isHalf);
    if (isHalf) expect(rounded).toBeGreaterThan(50);
    else expect(rounded).toBe(0);
    const changes = losses.map((loss, i) => Math.abs(loss / onCpu.losses[i] - 1));
    expect(changes).toHaveLength(onCpu.losses.length);
    expect(changes[0]).toBeLessThan(BOUNDS[arithmetic].first);
    expect(Math.max(...changes)).toBeLessThan(BOUNDS[arithmetic].later);
    if (isHalf) expect(changes[0], 'rounding has an effect').toBeGreaterThan(1e-6);
  }
});
