import { formatBytes } from '../base/format-bytes.ts';
import type { Device } from '../device/device.ts';
import type { TuningStore } from '../device/webgpu/tune.ts';
import { WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import { apiOverhead } from './api-overhead.ts';
import { type Bench, memoryStore, type PartReport } from './bench.ts';
import { BlockStep } from './block-step.ts';
import { blockValues } from './block-values.ts';
import { type ApiCounts, countCalls } from './counts.ts';
import { digits, markdownTable } from './table.ts';
import { type Spent, takeTurns, timed } from './timing.ts';

/** One encoder block: its first step, a step of training, its forward pass, and the API's overhead on WebGPU. */
export async function measureBlock(bench: Bench): Promise<PartReport> {
  const { clock, scope } = bench;
  const store = memoryStore();
  let opened = await firstStep(bench, store);
  const unknownDevice = opened.spent;
  let knownChoices: Spent | null = null;
  if (opened.device instanceof WebGpuDevice) {
    opened.block.destroy();
    await opened.device.destroy();
    opened = await firstStep(bench, store);
    knownChoices = opened.spent;
  }
  const { device, block, losses } = opened;
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
    const timings = await takeTurns(clock, contenders, scope.rounds);
    const overhead =
      device instanceof WebGpuDevice ? await apiOverhead(device.gpu, clock, calls.dispatches, scope.rounds) : null;
    const { peakBytes } = device.buffers;
    const first = { unknownDevice, knownChoices };
    const rows = [...timings, ...(overhead === null ? [] : [overhead])].map(
      ({ name, wallMedian, wallMin, cpuMedian }) => [name, ...[wallMedian, wallMin, cpuMedian].map(digits)],
    );
    return {
      numbers: { losses, first, calls, peakBytes, timings, overhead },
      headline: timings.map(({ name, wallMedian }) => `${name} ${digits(wallMedian)} ms`).join(', '),
      text: [
        'Batch 8, sequence 64, d 256, 4 heads, feed-forward 1024; forward and backward pass and Adam.\n',
        markdownTable(['', 'ms median', 'ms min', 'CPU ms'], rows),
        `\n${startInWords(first, calls)} Peak ${formatBytes(peakBytes)}. Losses ${losses.map((loss) => loss.toFixed(5)).join(' ')}.`,
      ].join('\n'),
    };
  } finally {
    block.destroy();
    await device.destroy();
  }
}

/** How a device starts: `knownChoices` is null on the CPU, which has one kernel of each kind. */
interface Start {
  readonly unknownDevice: Spent;
  readonly knownChoices: Spent | null;
}

function startInWords({ unknownDevice, knownChoices }: Start, calls: ApiCounts): string {
  if (knownChoices === null) return `First step ${both(unknownDevice)}.`;
  return (
    `${calls.dispatches} dispatches, ${calls.passes} pass, ${calls.submits} submit a step. First step ` +
    `${both(unknownDevice)} on an unknown device, whose kernels are measured first, ` +
    `${both(knownChoices)} with known choices.`
  );
}

const both = ({ wall, cpu }: Spent): string => `${digits(wall)} ms${cpu === null ? '' : ` (${digits(cpu)} CPU ms)`}`;

/** From opening a device, which the store may know, to the first loss. */
async function firstStep(
  bench: Bench,
  store: TuningStore,
): Promise<{ device: Device; block: BlockStep; losses: number[]; spent: Spent }> {
  let made: { device: Device; block: BlockStep; losses: number[] } | undefined;
  const spent = await timed(bench.clock, async () => {
    const device = await bench.open(store);
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
