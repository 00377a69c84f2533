import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { MethodName } from '../methods/registry.ts';
import { canUnpackVec4 } from '../device/matmul-shape.ts';
import { startVariant } from '../device/webgpu/kernels/matmul-variants.ts';
import { WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import { acquirePacedGpu } from '../testing/devices.ts';
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

/** The events of a run of one task. */
async function run(arithmetic: 'f32' | 'f16', method: MethodName = 'seq-lora'): Promise<Reported> {
  const events: RunEvent[] = [];
  const openModel = vi.fn(() => Promise.resolve(tinyModel()));
  const host = tinyHost((event) => events.push(event), {
    ...onDevice(() => Promise.resolve(new WebGpuDevice({ ...device.gpu, destroy: () => Promise.resolve() }))),
    openModel,
  });
  const settings = { ...tinySettings(method, { epochs: 1, arithmetic }), order: ['gloss'] };
  await new Run(host, settings).execute();
  const losses = events.flatMap((event) => (event.type === 'steps' ? event.losses : []));
  return { last: events.at(-1), losses, opened: openModel.mock.calls.length > 0 };
}

describe('a run with products of 16-bit floats', () => {
  test('is refused before weights are fetched if the device cannot do it', async () => {
    Object.defineProperty(device.gpu.device, 'features', { value: new Set<string>() });
    const { last, opened } = await run('f16');
    expect(last).toMatchObject({ type: 'failed', error: { code: 'device/no-f16' } });
    expect(last?.type === 'failed' && last.error.nextStep).toMatch(/f32/);
    expect(opened).toBe(false);
    expect(device.gpu.tuning.halves).toBe(false);
  });

  test('allows its kernels if the device can, and no other run does', async () => {
    const { last } = await run('f16');
    expect(last?.type).toBe(canBeHalf() ? 'finished' : 'failed');
    expect(device.gpu.tuning.halves).toBe(canBeHalf());
  });

  test('is not the default', async () => {
    device.gpu.tuning.halves = canBeHalf();
    expect((await run('f32')).last?.type).toBe('finished');
    expect(device.gpu.tuning.halves).toBe(false);
  });
});

describe('a tiny run with every eligible product rounded', () => {
  // Shares of the loss. The rounding of an operand is 5e-4 of it; later steps amplify the rounding error.
  const BOUND = { first: 3e-3, later: 5e-3 };

  // gorp-plus has products of adapters and of whole weights, forwards and backwards.
  test('learns by gorp-plus as it does in f32', async () => {
    if (!canBeHalf()) return; // the device has no such kernels
    const learn = async (arithmetic: 'f32' | 'f16'): Promise<{ losses: number[]; rounded: number }> => {
      let rounded = 0;
      const { tuning } = device.gpu;
      const variantOf = vi.spyOn(tuning, 'variantOf').mockImplementation((shape) => {
        if (shape.halves === undefined || !canUnpackVec4(shape)) return startVariant(shape, tuning);
        rounded++;
        return 'block-half';
      });
      const { losses } = await run(arithmetic, 'gorp-plus');
      variantOf.mockRestore();
      return { losses, rounded };
    };
    const [exact, half] = [await learn('f32'), await learn('f16')];
    expect(exact.rounded).toBe(0);
    expect(half.rounded).toBeGreaterThan(50);
    expect(exact.losses.length).toBeGreaterThan(2);
    expect(exact.losses.at(-1)).toBeLessThan(exact.losses[0]);
    const changes = half.losses.map((loss, i) => Math.abs(loss / exact.losses[i] - 1));
    expect(changes[0]).toBeLessThan(BOUND.first);
    expect(changes[0], 'rounding has an effect').toBeGreaterThan(1e-6);
    expect(Math.max(...changes)).toBeLessThan(BOUND.later);
  });
});
