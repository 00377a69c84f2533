import type { WebGpuDevice } from '../../src/device/webgpu/webgpu-device.ts';
import type { TuningStore } from '../../src/device/webgpu/tune.ts';
import { apiOverhead } from '../api-overhead.ts';
import { memoryStore, type Place, type Section, tunedDevice } from '../bench.ts';
import { BlockStep } from '../block-step.ts';
import { blockValues } from '../block-values.ts';
import { countCalls } from '../counts.ts';
import { formatBytes } from '../../src/base/format-bytes.ts';
import { digits, markdownTable } from '../table.ts';
import { type Spent, takeTurns, timed } from '../timing.ts';

/** One encoder block: its first step, a step of training, its forward pass, and the API's overhead. */
export const blockSection: Section = async (place, { rounds }) => {
  const store = memoryStore();
  const fresh = await firstStep(place, store);
  const measuring = await timed(place.clock, () => fresh.device.gpu.tuning.settled());
  fresh.block.destroy();
  await fresh.device.destroy();
  const { device, block, losses, spent } = await firstStep(place, store);
  try {
    const calls = await countCalls(async () => losses.push(await block.step()));
    losses.push(await block.step());
    const repeat = (work: () => Promise<unknown>) => async (times: number) => {
      for (let i = 0; i < times; i++) await work();
    };
    const contenders = [
      { name: 'step', run: repeat(() => block.step()) },
      { name: 'forward', run: repeat(() => block.forward()) },
    ];
    const timings = await takeTurns(place.clock, contenders, rounds);
    const overhead = await apiOverhead(device.gpu, place.clock, calls.dispatches, rounds);
    const { peakBytes } = device.buffers;
    const first = { unknownDevice: fresh.spent, measuring, knownChoices: spent };
    const rows = [...timings, overhead].map(({ name, wallMedian, wallMin, cpuMedian }) => [
      name,
      ...[wallMedian, wallMin, cpuMedian].map(digits),
    ]);
    return {
      numbers: { losses, first, calls, peakBytes, timings, overhead },
      text: [
        'Batch 8, sequence 64, d 256, 4 heads, feed-forward 1024; forward and backward pass and Adam.\n',
        markdownTable(['', 'ms median', 'ms min', 'CPU ms'], rows),
        `\n${calls.dispatches} dispatches, ${calls.passes} pass, ${calls.submits} submit a step. First step ` +
          `${both(first.unknownDevice)} on an unknown device, whose kernels were then measured for ` +
          `${both(first.measuring)}, ${both(first.knownChoices)} with known choices. ` +
          `Peak ${formatBytes(peakBytes)}. Losses ${losses.map((loss) => loss.toFixed(5)).join(' ')}.`,
      ].join('\n'),
    };
  } finally {
    block.destroy();
    await device.destroy();
  }
};

const both = ({ wall, cpu }: Spent): string => `${digits(wall)} ms (${digits(cpu)} CPU ms)`;

/** From opening a device, which the store may know, to the first loss. */
async function firstStep(
  place: Place,
  store: TuningStore,
): Promise<{ device: WebGpuDevice; block: BlockStep; losses: number[]; spent: Spent }> {
  let made: { device: WebGpuDevice; block: BlockStep; losses: number[] } | undefined;
  const spent = await timed(place.clock, async () => {
    const device = await tunedDevice(place, store);
    try {
      const block = await BlockStep.create(device, blockValues());
      made = { device, block, losses: [await block.step()] };
    } catch (error) {
      await device.destroy();
      throw error;
    }
  });
  return { ...(made as NonNullable<typeof made>), spent };
}
