import type { Gpu } from '../../src/gpu/device.ts';
import { BlockStep } from '../block-step.ts';
import { blockValues } from '../block-values.ts';
import { type ApiCounts, countCalls } from '../counts.ts';
import { type Clock, takeTurns, timed, type Timing } from '../timing.ts';

export interface BlockResult {
  /** Losses of the first steps; the peers' agree to four digits. */
  losses: number[];
  /** Milliseconds from nothing to the first loss: measuring and compiling kernels included. */
  first: number;
  /** Calls of one step. */
  calls: ApiCounts;
  peakBytes: number;
  timings: Timing[];
}

/** One encoder block: a step of training, and its forward pass. */
export async function benchBlock(gpu: Gpu, clock: Clock, rounds: number): Promise<BlockResult> {
  const losses: number[] = [];
  let block: BlockStep | undefined;
  try {
    const { wall: first } = await timed(clock, async () => {
      block = await BlockStep.create(gpu, blockValues());
      losses.push(await block.step());
    });
    const created = block as unknown as BlockStep;
    const calls = await countCalls(async () => {
      losses.push(await created.step());
    });
    losses.push(await created.step());
    const repeat = (work: () => Promise<unknown>) => async (times: number) => {
      for (let i = 0; i < times; i++) await work();
    };
    const contenders = [
      { name: 'step', run: repeat(() => created.step()) },
      { name: 'forward', run: repeat(() => created.forward()) },
    ];
    const timings = await takeTurns(clock, contenders, rounds);
    return { losses, first, calls, peakBytes: gpu.buffers.peakBytes, timings };
  } finally {
    block?.destroy();
  }
}
