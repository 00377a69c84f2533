import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Learner } from '../gorp/learner.ts';
import { T5_TARGETS } from '../models/targets.ts';
import { type MethodName, methodPreset, planOf } from '../methods/registry.ts';
import { ONLY_VARIANT, ROUNDING_VARIANTS, variantsOf } from '../device/webgpu/kernels/matmul-variants.ts';
import { WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import { embeddedModel } from '../testing/embedded-model.ts';
import { acquireTestGpu } from '../testing/devices.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { tinyHost, tinySettings, onDevice } from '../testing/tiny-run.ts';
import type { RunEvent } from './events.ts';
import { Run } from './run.ts';

let device: WebGpuDevice;
beforeEach(async () => {
  device = await acquireTestGpu();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await device.destroy();
});

/** SwiftShader's device cannot: the run is refused there, which is what is tested of it. */
const canBeHalf = (): boolean => device.gpu.device.features.has('shader-f16');

describe('a run with products of 16-bit floats', () => {
  /** The last event of a run of one task, whether weights were asked for, and what tuning allowed at the end. */
  async function run(arithmetic: 'f32' | 'f16'): Promise<{ last: RunEvent | undefined; opened: boolean }> {
    const events: RunEvent[] = [];
    const openModel = vi.fn(() => Promise.resolve(tinyModel()));
    const host = tinyHost((event) => events.push(event), {
      ...onDevice(() => Promise.resolve(new WebGpuDevice({ ...device.gpu, destroy: () => Promise.resolve() }))),
      openModel,
    });
    const settings = { ...tinySettings('seq-lora', { epochs: 1, arithmetic }), order: ['gloss'] };
    await new Run(host, settings).execute();
    return { last: events.at(-1), opened: openModel.mock.calls.length > 0 };
  }

  test('is refused before weights are fetched where the device cannot', async () => {
    Object.defineProperty(device.gpu.device, 'features', { value: new Set<string>() });
    const { last, opened } = await run('f16');
    expect(last).toMatchObject({ type: 'failed', error: { code: 'device/no-f16' } });
    expect(last?.type === 'failed' && last.error.nextStep).toMatch(/f32/);
    expect(opened).toBe(false);
    expect(device.gpu.tuning.halves).toBe(false);
  });

  test('allows its kernels where the device can, and no other run does', async () => {
    const { last } = await run('f16');
    expect(last?.type).toBe(canBeHalf() ? 'finished' : 'failed');
    expect(device.gpu.tuning.halves).toBe(canBeHalf());
  });

  test('is not what settings ask for by themselves', async () => {
    device.gpu.tuning.halves = canBeHalf();
    expect((await run('f32')).last?.type).toBe('finished');
    expect(device.gpu.tuning.halves).toBe(false);
  });
});

describe('the embedded model with every product rounded that may be', () => {
  // Shares of the loss. Measured on lavapipe with equal weights: 7e-5 by block-half, 7e-4 by matrix-half, which sums in
  // another order: a last bit can decide which way a value is rounded in the next layer. Behind that steps amplify what
  // rounding began: 0.62 % at most over ten steps of gorp-plus, in which the loss falls to a thirtieth, 0.26 % with seq-ft.
  const BOUND = { first: 3e-3, later: 0.02 };

  test.each<MethodName>(['gorp-plus', 'seq-ft'])('learns by %s as it does in f32', async (name) => {
    if (!canBeHalf()) return; // there are no such kernels
    const { network, read, batches } = await embeddedModel(device);
    const learn = async (halves: boolean): Promise<{ losses: number[]; rounded: number }> => {
      device.gpu.tuning.halves = halves;
      let rounded = 0;
      const variantOf = vi.spyOn(device.gpu.tuning, 'variantOf').mockImplementation((shape) => {
        const half = variantsOf(shape, device.gpu.tuning.subgroups).find((variant) => ROUNDING_VARIANTS.has(variant));
        if (half) rounded++;
        return half ?? ONLY_VARIANT;
      });
      const method = { ...methodPreset(name), learningRate: 3e-3, galoreLearningRate: 3e-4, loraDropout: 0 };
      const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1 };
      const learner = await Learner.create(device, network, planOf(method), T5_TARGETS, options, read);
      await learner.beginTask(batches);
      for (let step = 0; step < 10; step++) await learner.step([batches[step % 2]]);
      const losses = (await learner.takeRecords()).map(({ loss }) => loss);
      learner.destroy();
      variantOf.mockRestore();
      return { losses, rounded };
    };
    const [exact, half] = [await learn(false), await learn(true)];
    network.destroy();
    expect(exact.rounded).toBe(0);
    expect(half.rounded).toBeGreaterThan(50);
    expect(exact.losses).toHaveLength(10);
    expect(exact.losses[8]).toBeLessThan(exact.losses[0] / 1.5); // it learns: the same batch
    const changes = half.losses.map((loss, i) => Math.abs(loss / exact.losses[i] - 1));
    expect(changes[0]).toBeLessThan(BOUND.first);
    expect(changes[0], 'rounding is felt').toBeGreaterThan(1e-6);
    expect(Math.max(...changes)).toBeLessThan(BOUND.later);
  });
});
