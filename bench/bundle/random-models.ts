import { formatBytes } from '../../src/base/format-bytes.ts';
import { countingDevice, outlineOf } from '../../src/device/counting-device.ts';
import type { Device } from '../../src/device/device.ts';
import type { WebGpuDevice } from '../../src/device/webgpu/webgpu-device.ts';
import { Learner } from '../../src/gorp/learner.ts';
import { methodPreset, type MethodSettings, planOf } from '../../src/methods/registry.ts';
import { type FrozenWeights, frozenPacking } from '../../src/run/frozen-weights.ts';
import { networkOf } from '../../src/run/open-network.ts';
import { memoryStore, type Place, type Report, tunedDevice } from '../bench.ts';
import { MODEL_SHAPES, type ModelShape } from '../dispatches/model-programs.ts';
import { Greedy } from '../greedy.ts';
import { randomBatch, randomWeights } from '../random-t5.ts';
import { type OpenModel, STEP_METHODS, SteppingModel } from '../stepping-model.ts';
import { digits, markdownTable } from '../table.ts';
import { timed } from '../timing.ts';

/** A model of published size, how it is stored, and how it trains. */
export interface Subject {
  readonly shape: ModelShape;
  /** One of {@link STEP_METHODS}. */
  readonly method: string;
  readonly frozenWeights: FrozenWeights;
  /** Whether products may round operands to 16-bit floats. */
  readonly halves: boolean;
}

const [SMALL, LARGE, LLAMA] = MODEL_SHAPES;
const [LORA, FAST, EXACT] = STEP_METHODS.map(({ label }) => label);
const subject = (shape: ModelShape, method: string, frozenWeights: FrozenWeights, halves = false): Subject => {
  return { shape, method, frozenWeights, halves };
};

/**
 * The most telling first. GORP with exact projections only on the small model: for others the host would take minutes
 * for the singular vectors.
 */
export const SUBJECTS: readonly Subject[] = [
  subject(SMALL, LORA, 'f32'),
  subject(SMALL, FAST, 'f32'),
  subject(SMALL, EXACT, 'f32'),
  subject(SMALL, FAST, 'f32', true),
  subject(LARGE, LORA, 'f32'),
  subject(LARGE, FAST, 'f32'),
  subject(LLAMA, LORA, '8-bit'),
  subject(LLAMA, FAST, '8-bit'),
  subject(LARGE, FAST, 'f32', true),
  subject(LARGE, FAST, '8-bit'),
  subject(LARGE, FAST, '4-bit'),
  subject(LLAMA, FAST, '4-bit'),
];

export const nameOf = ({ shape, method, frozenWeights, halves }: Subject): string => {
  const model = shape.name.replace(/,.*/, '');
  return `${model}, ${method}, frozen ${frozenWeights}${halves ? ', products in f16' : ''}`;
};

const ROUNDS = 3;
// Prompts whose answers are written at once, and tokens of each answer.
const ROWS = [1, 8] as const;
const TOKENS = 32;

const openSubject =
  ({ shape, frozenWeights }: Subject): OpenModel =>
  (device) => {
    const { B, S, T } = shape.batch;
    const { network, targets } = networkOf(device, shape.config, { sourceLength: S, targetLength: T });
    const { shapes } = network;
    const packing = (name: string) => frozenPacking(frozenWeights, name, shapes.get(name) ?? [], 'F32');
    const storage = { packing, recompute: shape.recompute };
    return Promise.resolve({ network, targets, read: randomWeights(shapes), batch: randomBatch(B, S, T), storage });
  };

/** Bytes that a memory plan expects for steps of the second task. */
async function plannedBytes(device: Device, one: Subject): Promise<number> {
  const counting = countingDevice(outlineOf(device));
  const { network, targets, batch, storage } = await openSubject(one)(counting);
  const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1, ...storage };
  const learner = await Learner.create(counting, network, planOf(methodOf(one)), targets, options, null);
  await learner.reserveTraining(2, [batch.sizes]);
  return counting.buffers.liveBytes;
}

function methodOf({ method }: Subject): MethodSettings {
  const { method: changes } = STEP_METHODS.find(({ label }) => label === method) ?? STEP_METHODS[0];
  return { ...methodPreset(changes.name), ...changes };
}

/** Steps of a model with random weights, its memory against the plan, and tokens per second of its answers. */
export async function measureSubject(place: Place, one: Subject, store = memoryStore()): Promise<Report> {
  const device = await tunedDevice(place, store);
  const acquire = (): Promise<Device> => {
    if (one.halves) device.allowHalves(true);
    return Promise.resolve(device);
  };
  const model = await SteppingModel.open(place, acquire, nameOf(one), methodOf(one), openSubject(one));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      await model.measure('refresh');
      await model.measure('step');
    }
    const { step, refresh, period, first, peakBytes, calls, losses } = model.timings;
    if (!losses.every(Number.isFinite)) throw new Error(`the losses are ${losses.join(', ')}`);
    const planned = await plannedBytes(device, one);
    const generation = [];
    for (const rows of ROWS) generation.push({ rows, tokensPerSecond: await writing(place, model, device, one, rows) });
    const { choices, wrong } = device.gpu.tuning;
    const numbers = { step, refresh, period, first, calls, losses, peakBytes, planned, generation, choices, wrong };
    const speeds = generation.map(({ rows, tokensPerSecond }) => `${digits(tokensPerSecond)} (${rows})`);
    const times = [step.wallMedian, refresh.wallMedian, period.wall, first].map(digits);
    const head = ['', 'step ms', 'with new bases', 'mean', 'first step', 'peak', 'planned', 'tokens per second (rows)'];
    const row = [nameOf(one), ...times, formatBytes(peakBytes), formatBytes(planned), speeds.join(', ')];
    return { numbers, text: markdownTable(head, [row]) };
  } finally {
    await model.destroy();
  }
}

/** Tokens per second of answers to prompts of the training length. */
async function writing(
  place: Place,
  model: SteppingModel,
  device: WebGpuDevice,
  { shape }: Subject,
  rows: number,
): Promise<number> {
  const { network, layers } = model.trained;
  const { S } = shape.batch;
  const greedy = await Greedy.create(device, network, layers, { B: rows, S, capacity: TOKENS + 1 });
  try {
    const sources = randomBatch(rows, S, 1).rows.map(({ source }) => source);
    await greedy.write(sources, TOKENS);
    await device.gpu.tuning.settled();
    await greedy.write(sources, TOKENS);
    // The prompts are read in both; the difference is the answers'.
    const short = await timed(place.clock, () => greedy.write(sources, 1));
    const long = await timed(place.clock, () => greedy.write(sources, TOKENS));
    return (1e3 * rows * (TOKENS - 1)) / (long.wall - short.wall);
  } finally {
    greedy.destroy();
  }
}
