import { acquireGpu } from '../../../src/gpu/device.ts';
import { tuneGpu } from '../../../src/gpu/tune.ts';
import { BlockStep } from '../../block-step.ts';
import { blockValues } from '../../block-values.ts';

/** The block step in the form of the peers' harness. */
export async function step(): Promise<{ name: string; step: () => Promise<number>; fwd: () => Promise<void> }> {
  const gpu = await acquireGpu(navigator.gpu);
  const store = { read: () => Promise.resolve(undefined), write: () => Promise.resolve() };
  await tuneGpu(gpu, { now: () => performance.now(), store, platform: 'peers' });
  const block = await BlockStep.create(gpu, blockValues());
  return { name: 'gorp-web', step: () => block.step(), fwd: () => block.forward() };
}
