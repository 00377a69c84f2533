import { acquireGpu } from '../../../src/device/webgpu/gpu.ts';
import { tuneGpu } from '../../../src/device/webgpu/tune.ts';
import { WebGpuDevice } from '../../../src/device/webgpu/webgpu-device.ts';
import { BlockStep } from '../../../src/bench/block-step.ts';
import { blockValues } from '../../../src/bench/block-values.ts';

/**
 * The block step with the interface of the peers' harness. Like the peers it compiles in its first step. Kernels are
 * measured after that, as on any device without stored choices. The second step waits for them, so it is a normal step.
 */
export async function step(): Promise<{ name: string; step: () => Promise<number>; fwd: () => Promise<void> }> {
  const gpu = await acquireGpu(navigator.gpu);
  const store = { read: () => Promise.resolve(undefined), write: () => Promise.resolve() };
  let created: Promise<BlockStep> | undefined;
  const create = async (): Promise<BlockStep> => {
    await tuneGpu(gpu, { now: () => performance.now(), store, platform: 'peers' });
    return BlockStep.create(new WebGpuDevice(gpu), blockValues());
  };
  return {
    name: 'gorp-web',
    step: async () => {
      if (created) await gpu.tuning.settled();
      return (await (created ??= create())).step();
    },
    fwd: async () => (await (created ??= create())).forward(),
  };
}
