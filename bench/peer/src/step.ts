import { acquireGpu } from '../../../src/gpu/device.ts';
import { tuneGpu } from '../../../src/gpu/tune.ts';
import { BlockStep } from '../../block-step.ts';
import { blockValues } from '../../block-values.ts';

/**
 * The block step in the form of the peers' harness. Like the peers it compiles in its first step. Kernels are measured
 * behind that, as on any device without a store of choices: `settled` waits for it, before a usual step is timed.
 */
export async function step(): Promise<{
  name: string;
  step: () => Promise<number>;
  fwd: () => Promise<void>;
  settled: () => Promise<void>;
}> {
  const gpu = await acquireGpu(navigator.gpu);
  const store = { read: () => Promise.resolve(undefined), write: () => Promise.resolve() };
  let created: Promise<BlockStep> | undefined;
  const create = async (): Promise<BlockStep> => {
    await tuneGpu(gpu, { now: () => performance.now(), store, platform: 'peers' });
    return BlockStep.create(gpu, blockValues());
  };
  const block = (): Promise<BlockStep> => (created ??= create());
  return {
    name: 'gorp-web',
    step: async () => (await block()).step(),
    fwd: async () => (await block()).forward(),
    settled: () => gpu.tuning.settled(),
  };
}
