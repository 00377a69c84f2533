import { formatBytes } from '../base/units.ts';
import { countingDevice, outlineOf } from '../device/counting-device.ts';
import type { Device } from '../device/device.ts';
import { WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import { Learner } from '../gorp/learner.ts';
import { type MethodSettings, planOf } from '../methods/registry.ts';
import type { Bench, PartReport } from './bench.ts';
import { Greedy } from './greedy.ts';
import { type OpenModel, SteppingModel } from './stepping-model.ts';
import { digits, markdownTable } from '../base/markdown.ts';
import { median, timed } from './timing.ts';

/** A model, and how it trains. */
export interface MeasuredModel {
  readonly name: string;
  readonly method: MethodSettings;
  readonly open: OpenModel;
  /** Whether products may round operands to 16-bit floats. */
  readonly halves: boolean;
}

// Prompts whose answers are written at once, and tokens of each answer.
const ROWS = [1, 8] as const;
const TOKENS = 32;

/** Steps of a model, its memory compared with the plan, and tokens per second of its answers. */
export async function measureModel(bench: Bench, measured: MeasuredModel): Promise<PartReport> {
  const { name, method, open, halves } = measured;
  const acquire = async (): Promise<Device> => {
    const opened = await bench.open();
    try {
      if (halves) opened.allowHalves(true);
    } catch (error) {
      await opened.destroy();
      throw error;
    }
    return opened;
  };
  const model = await SteppingModel.open(bench, acquire, name, method, open);
  const { device } = model;
  try {
    for (let round = 0; round < bench.scope.rounds; round++) {
      await model.measure('refresh');
      await model.measure('step');
    }
    const { step, refresh, period, first, peakBytes, calls, losses } = model.timings;
    if (!losses.every(Number.isFinite)) throw new Error(`the losses are ${losses.join(', ')}`);
    const planned = await plannedBytes(device, measured);
    const generation = [];
    for (const rows of ROWS) generation.push({ rows, tokensPerSecond: await writing(bench, model, rows) });
    const { choices, wrong } = device instanceof WebGpuDevice ? device.gpu.tuning : NO_CHOICES;
    const numbers = { step, refresh, period, first, calls, losses, peakBytes, planned, generation, choices, wrong };
    const speeds = generation.map(({ rows, tokensPerSecond }) => `${digits(tokensPerSecond)} (${rows})`);
    const times = [step.wallMedian, refresh.wallMedian, period.wall, first].map(digits);
    const head = ['', 'step ms', 'with new bases', 'mean', 'first step', 'peak', 'planned', 'tokens per second (rows)'];
    const row = [name, ...times, formatBytes(peakBytes), formatBytes(planned), speeds.join(', ')];
    const headline =
      `step ${digits(step.wallMedian)} ms, ${digits(generation[ROWS.length - 1].tokensPerSecond)} tokens per second ` +
      `written for ${ROWS[ROWS.length - 1]} prompts, ${formatBytes(peakBytes)} at most (planned ${formatBytes(planned)})`;
    return { numbers, headline, text: markdownTable(head, [row]) };
  } finally {
    await model.destroy();
  }
}

/** The CPU has one kernel of each kind. */
const NO_CHOICES = { choices: {}, wrong: [] };

/** Bytes that a memory plan expects for steps of the second task. */
async function plannedBytes(device: Device, { method, open }: MeasuredModel): Promise<number> {
  const counting = countingDevice(outlineOf(device));
  const { network, targets, batch, storage } = await open(counting);
  const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1, ...storage };
  const learner = await Learner.create(counting, network, planOf(method), targets, options, null);
  await learner.reserveTraining(2, [network.sizes(batch)]);
  return counting.buffers.liveBytes;
}

/** Tokens per second of answers to prompts of the training length; null if they take no measurable time. */
async function writing(
  { clock, scope }: Bench,
  { device, trained, batch }: SteppingModel,
  rows: number,
): Promise<number | null> {
  const { network, layers } = trained;
  const S = Math.max(...batch.map(({ source }) => source.length));
  const greedy = await Greedy.create(device, network, layers, { B: rows, S, capacity: TOKENS + 1 });
  try {
    const sources = Array.from({ length: rows }, (_, row) => batch[row % batch.length].source);
    await greedy.write(sources, TOKENS);
    await greedy.write(sources, TOKENS);
    // The prompts are read in both; the difference is the answers'.
    const differences: number[] = [];
    for (let round = 0; round < scope.rounds; round++) {
      const short = await timed(clock, () => greedy.write(sources, 1));
      const long = await timed(clock, () => greedy.write(sources, TOKENS));
      differences.push(long.wall - short.wall);
    }
    const ms = median(differences);
    return ms > 0 ? (1e3 * rows * (TOKENS - 1)) / ms : null;
  } finally {
    greedy.destroy();
  }
}
