import { BlockStep, blockValues } from '../../../../src/bench/block-step.ts';
import { requestAdapter } from '../../../../src/device/webgpu/gpu.ts';
import { openWebGpu } from '../../../../src/device/webgpu/webgpu-device.ts';

/** The block step with the interface of the peers' harness. Like the peers it compiles in its first step. */
export async function step(): Promise<{ name: string; step: () => Promise<number>; fwd: () => Promise<void> }> {
  const store = { read: () => Promise.resolve(undefined), write: () => Promise.resolve() };
  const tuning = { now: () => performance.now(), store, platform: 'peers' };
  const device = await openWebGpu(await requestAdapter(navigator.gpu), tuning);
  let created: Promise<BlockStep> | undefined;
  const block = (): Promise<BlockStep> => (created ??= BlockStep.create(device, blockValues()));
  return {
    name: 'gorp-web',
    step: async () => (await block()).step(),
    fwd: async () => (await block()).forward(),
  };
}
