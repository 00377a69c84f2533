import { digits, markdownTable } from '../base/markdown.ts';
import { formatBytes } from '../base/units.ts';
import type { BufferRange, OwnedBuffer } from '../device/buffers.ts';
import type { Device, Program } from '../device/device.ts';
import type { TuningStore } from '../device/webgpu/tune.ts';
import { ownProgram, WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import { compile, type Compiled } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { activation, add, sumGradients } from '../graph/ops/elementwise.ts';
import { innerProduct } from '../graph/ops/square-measures.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { rmsNorm } from '../graph/ops/norm.ts';
import { adamInto, adamStepSize } from '../graph/ops/optimizer.ts';
import { attention } from '../graph/ops/attention.ts';
import { placeIn, sizeOf, storageOf, type Tensor } from '../graph/tensor.ts';
import { type Bench, memoryStore, type PartReport } from './bench.ts';
import { type ApiCounts, countCalls } from './stepping-model.ts';
import { apiOverhead, SubmitAndRead } from './submit-and-read.ts';
import { type Spent, takeTurns, timed } from './timing.ts';

/**
 * The loss of the measured block, mean((y − goal)²), which no model of this project uses.
 *
 * @param into persistent [1]: receives Σ (y − goal)², to be divided by the number of elements on the host.
 * @param scale d total / d loss, by which all gradients are multiplied.
 * @returns a scalar to differentiate.
 */
function meanSquaredError(g: Graph, y: Tensor, goal: Tensor, into: Tensor, scale: number): Tensor {
  const d = add(g, y, goal, 1, -1); // [B, S, D]
  innerProduct(g, d, d, into, 0);
  return g.record({
    name: 'mean squared error',
    inputs: [d],
    outputs: [g.intermediate('error', [1])], // represents what is computed above
    calls: () => [],
    reference: () => undefined,
    gradient: () => [add(g, d, d, (2 * scale) / sizeOf(y.shape), 0)],
  });
}

/** Sizes of the block: batch, sequence, model, heads, feed-forward. */
const BLOCK = { B: 8, S: 64, D: 256, H: 4, F: 1024 } as const;
const LEARNING_RATE = 1e-3;
const EPS = 1e-6;

/**
 * Shapes of the parameters as in the peers' harness: y = x W, W [in, out]. Its learned position bias is left out, since
 * no method of this project trains one: losses differ from the peers', the work of a step hardly.
 */
const BLOCK_SHAPES: Readonly<Record<string, readonly number[]>> = {
  g1: [256],
  wq: [256, 256],
  wk: [256, 256],
  wv: [256, 256],
  wo: [256, 256],
  g2: [256],
  w1: [256, 1024],
  w2: [1024, 256],
};

/** Initial values of the parameters, the input and the target output, [8, 64, 256] each. */
interface BlockValues {
  p: Readonly<Record<string, Float32Array>>;
  x: Float32Array;
  y: Float32Array;
}

// Adam adds 1e-6 to √v here, the peers add 1e-8 to its corrected form. A loss gradient this large makes both
// negligible; otherwise Adam's step does not depend on the gradient's scale.
const LOSS_GRADIENT = 3000;
// Tensors start at multiples of this many floats in the buffer of all parameters, so that each can be bound.
const PLACE = 64;

/**
 * One encoder block of T5 (RMS norm, unscaled attention, ReLU feed-forward, residuals):
 * forward and backward pass and Adam, by the project's own graph. All parameters are trained, in buffers of one layout,
 * so that Adam updates them in one dispatch.
 */
export class BlockStep {
  readonly #device: Device;
  readonly #owned: readonly OwnedBuffer[];
  readonly #train: Compiled;
  readonly #infer: Compiled;
  readonly #tensors: { loss: Tensor; rates: Tensor; y: Tensor };
  #steps = 0;
  readonly #reader: SubmitAndRead | undefined;

  private constructor(
    device: Device,
    owned: readonly OwnedBuffer[],
    train: Compiled,
    infer: Compiled,
    tensors: { loss: Tensor; rates: Tensor; y: Tensor },
  ) {
    this.#device = device;
    this.#owned = owned;
    this.#train = train;
    this.#infer = infer;
    this.#tensors = tensors;
    if (device instanceof WebGpuDevice) this.#reader = new SubmitAndRead(device.gpu);
  }

  static async create(device: Device, values: BlockValues): Promise<BlockStep> {
    const owned: OwnedBuffer[] = [];
    const { B, S, D } = BLOCK;
    const persistent = (name: string, shape: readonly number[], data?: Float32Array): Tensor => {
      const buffer = device.buffers.storage(name, sizeOf(shape) * 4);
      owned.push(buffer);
      if (data) device.write(buffer, 0, Float32Array.from(data));
      return fixed(name, shape, { buffer, offset: 0, bytes: sizeOf(shape) * 4 });
    };
    const places = new Map<string, number>();
    let total = 0;
    for (const [name, shape] of Object.entries(BLOCK_SHAPES)) {
      places.set(name, total);
      total += Math.ceil(sizeOf(shape) / PLACE) * PLACE;
    }
    const weights = persistent('parameters', [total]);
    const gradients = persistent('gradients', [total]);
    const state = {
      m: persistent('first moments', [total]),
      v: persistent('second moments', [total]),
      clip: persistent('clip', [2], Float32Array.of(0, 1)),
      rates: persistent('step sizes', [1]),
      index: 0,
    };
    const x = persistent('x', [B, S, D], values.x);
    const goal = persistent('goal', [B, S, D], values.y);
    const spans = persistent('spans', [B, 6]);
    const rows = Array.from({ length: B }, (_, b) => [b * S, S, b * S, S, 0, 0]);
    device.write(storageOf(spans).buffer, 0, Uint32Array.from(rows.flat()));
    const loss = persistent('loss', [1]);
    const one = persistent('one', [1], Float32Array.of(1));
    const partOf = (whole: Tensor, name: string): BufferRange => {
      const { buffer } = storageOf(whole);
      return { buffer, offset: (places.get(name) ?? 0) * 4, bytes: sizeOf(BLOCK_SHAPES[name]) * 4 };
    };
    const parameters = new Map<string, Tensor>();
    for (const [name, shape] of Object.entries(BLOCK_SHAPES)) {
      const storage = partOf(weights, name);
      const isMatrix = name.startsWith('w');
      const data = isMatrix ? transposed(values.p[name], shape) : Float32Array.from(values.p[name]);
      device.write(storage.buffer, storage.offset, data);
      parameters.set(name, { ...fixed(name, isMatrix ? [...shape].reverse() : shape, storage), trainable: true });
    }

    const g = new Graph();
    const error = meanSquaredError(g, forward(g, parameters, x, spans), goal, loss, LOSS_GRADIENT);
    const found = g.backward(error, one, sumGradients(g));
    for (const [tensor, gradient] of found) placeIn(gradient, partOf(gradients, tensor.name));
    const whole = { count: 1, size: total, stride: total };
    // Adam reads the one buffer that holds all gradients, so it is recorded after them.
    adamInto(g, gradients, whole, state, weights);
    const train = await compile(device, 'block step', g, [loss, ...found.values()]);

    const inference = new Graph();
    const y = forward(inference, parameters, x, spans);
    const infer = await compile(device, 'block forward', inference, [y]);
    return new BlockStep(device, owned, train, infer, { loss, rates: state.rates, y });
  }

  /** One step. @returns the loss before it. */
  async step(): Promise<number> {
    this.#steps++;
    const rate = Float32Array.of(adamStepSize(LEARNING_RATE, this.#steps));
    this.#device.write(storageOf(this.#tensors.rates).buffer, 0, rate);
    const { B, S, D } = BLOCK;
    return (await this.#run(this.#train.program, storageOf(this.#tensors.loss))) / (B * S * D);
  }

  /** The forward pass alone. */
  async forward(): Promise<void> {
    await this.#run(this.#infer.program, this.#infer.rangeOf(this.#tensors.y));
  }

  /** Runs a program and reads the first number of a range: on WebGPU in one submit. */
  async #run(program: Program, from: BufferRange): Promise<number> {
    const device = this.#device;
    if (this.#reader && device instanceof WebGpuDevice) return this.#reader.run(ownProgram(program), from);
    await device.run([program]);
    return new Float32Array(await device.read({ ...from, bytes: 4 }))[0];
  }

  destroy(): void {
    this.#train.destroy();
    this.#infer.destroy();
    this.#reader?.destroy();
    for (const buffer of this.#owned) buffer.destroy();
  }
}

function forward(g: Graph, parameters: ReadonlyMap<string, Tensor>, x: Tensor, spans: Tensor): Tensor {
  const weight = (name: string): Tensor => parameters.get(name) as Tensor;
  const linear = (from: Tensor, name: string, addend?: Tensor): Tensor =>
    matmul(g, from, weight(name), { layout: 'nt', addend });
  const h = rmsNorm(g, x, weight('g1'), EPS); // [B, S, D]
  const [q, k, v] = ['wq', 'wk', 'wv'].map((name) => linear(h, name)); // [B, S, D] each
  const o = attention(g, { q, k, v, spans, heads: BLOCK.H, keyHeads: BLOCK.H, scale: 1, causal: false }); // [B, S, D]
  const r = linear(o, 'wo', x); // [B, S, D]
  const f = activation(g, 'relu', linear(rmsNorm(g, r, weight('g2'), EPS), 'w1')); // [B, S, F]
  return linear(f, 'w2', r); // [B, S, D]
}

function fixed(name: string, shape: readonly number[], storage: BufferRange): Tensor {
  return { name, shape, dtype: 'f32', trainable: false, elements: sizeOf(shape), storage };
}

/** [rows, columns] → [columns, rows]. */
function transposed(values: Float32Array, [rows, columns]: readonly number[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c];
  return out;
}

/** Numbers in [−0.5, 0.5): the linear congruential generator of the peers' harness. */
function fill(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}

/** Initial values of the block, drawn as the peers' harness draws them. */
export function blockValues(): BlockValues {
  const p = Object.entries(BLOCK_SHAPES).map(([name, shape], i): [string, Float32Array] => {
    if (name.startsWith('g')) return [name, new Float32Array(sizeOf(shape)).fill(1)];
    const scale = (2 / Math.sqrt(shape[0])) * 0.5;
    return [name, fill(sizeOf(shape), 100 + i).map((value) => value * scale)];
  });
  const { B, S, D } = BLOCK;
  return { p: Object.fromEntries(p), x: fill(B * S * D, 7), y: fill(B * S * D, 8) };
}

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
