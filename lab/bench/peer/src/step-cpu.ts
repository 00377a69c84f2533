import { BlockStep, blockValues } from '../../../../src/bench/block-step.ts';
import { openCpu } from './cpu-device.ts';

/** The block step on the CPU, with the interface of the peers' harness. */
export async function step(): Promise<{ name: string; step: () => Promise<number>; fwd: () => Promise<void> }> {
  const block = await BlockStep.create(await openCpu(), blockValues());
  return { name: 'gorp-web WebAssembly', step: () => block.step(), fwd: () => block.forward() };
}
