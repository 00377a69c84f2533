import { mixSeed, seededRandom } from '../base/random.ts';
import type { Gpu } from './device.ts';
import { type AttentionRows, type AttentionShape, planAttention } from './kernels/attention.ts';
import { type MatmulShape, plainProduct } from './kernels/matmul.ts';
import { MATMUL_VARIANTS, type MatmulVariant, planVariant, variantsOf } from './kernels/matmul-variants.ts';
import { type BufferRange, type Dispatch, Program, submit } from './program.ts';
import { readBytes } from './readback.ts';
import { type Choices, readChoices } from './tuning.ts';

/** Where choices are kept from one start to the next, by device. */
export interface TuningStore {
  read(device: string): Promise<unknown>;
  write(device: string, choices: Choices): Promise<void>;
}

/** What measuring needs from where it runs. */
export interface TuningHost {
  /** A clock in milliseconds. */
  now: () => number;
  store: TuningStore;
  /** Names browser or program and their version: another compiler may prefer another kernel. */
  platform: string;
}

/** An attention like those that fill a training step of the embedded model. */
const ATTENTION: AttentionShape = {
  ...{ B: 4, Sq: 64, Bk: 4, Sk: 64, H: 4, Hk: 4, d: 32 },
  ...{ scale: 0.1, causal: false, bias: false, position: false },
};

// Largest side that is measured: beyond it the order of the kernels does not change.
const LARGEST = 512;
const ROUNDS = 3;
// A measurement of a device with its own clock repeats a product this often.
const REPEATS = 4;
// What a kernel may take to be ready, in milliseconds, or how many times what the safe one took, if that is more. One that
// takes longer is left out, and so are those that compile longer still: on this device they are not tried again.
const COMPILE_LIMIT = 4000;
const COMPILE_FACTOR = 6;
// What measuring may delay a start, in milliseconds, or a little more: a class that is begun is measured to its end. Where
// kernels compile in an instant, all are measured within it.
const START_LIMIT = 10_000;
// Largest difference from the safe kernel that rounding explains: of a product, for each term of at most 1 of an entry; of
// an attention, for a weighted mean of values of at most 1.
const MATMUL_ERROR = 1e-5;
const ATTENTION_ERROR = 1e-4;

/**
 * Makes the device choose its kernels by measurement: the best of one adapter is a bad one of another, and its name
 * does not tell. What is known of the device is taken from the store; the rest is measured when a program first needs
 * a shape class (see {@link compile}), as far as it does not delay the start for long, and kept.
 */
export async function tuneGpu(gpu: Gpu, host: TuningHost): Promise<void> {
  if (gpu.tuning.isMeasuring) return;
  const { vendor, architecture, description } = gpu.facts;
  // Where there are other kernels to choose from, other choices may be right.
  const device = [vendor, architecture, description, host.platform, ...MATMUL_VARIANTS].join(' | ');
  const keep = (): Promise<void> => host.store.write(device, gpu.tuning.choices);
  const known = readChoices(await host.store.read(device));
  const measuring: Measuring = { now: host.now, tooSlow: new Set() };
  if (known === undefined) {
    const times = await attentionTimes(gpu, measuring);
    gpu.tuning.attentionRows = quickest(times);
    await keep();
  } else {
    gpu.tuning.attentionRows = known.attentionRows;
    for (const [name, variant] of Object.entries(known.matmul)) gpu.tuning.choose(name, variant);
  }
  let spent = 0;
  gpu.tuning.measureWith(async (shapes) => {
    for (const [name, shape] of shapes) {
      if (spent >= START_LIMIT) {
        gpu.tuning.postpone(name);
        continue;
      }
      const start = host.now();
      const times = await matmulTimes(gpu, measured(shape), measuring);
      spent += host.now() - start;
      gpu.tuning.choose(name, quickest(times));
    }
    await keep();
  });
}

/** A product of the same class that does not take long. */
function measured(shape: MatmulShape): MatmulShape {
  const { layout } = shape;
  // Sides stay odd or multiples of four, as they were.
  const side = (size: number): number => (size > LARGEST ? LARGEST + (size % 4) : size);
  const [M, N, K] = [shape.M, shape.N, shape.K].map(side);
  return plainProduct(layout, M, N, K);
}

const quickest = <Name>(times: ReadonlyMap<Name, number>): Name =>
  [...times].reduce((best, entry) => (entry[1] < best[1] ? entry : best))[0];

/** What measurements of a device share: the clock, and the kernels that took too long to compile. */
interface Measuring {
  readonly now: () => number;
  readonly tooSlow: Set<unknown>;
}

/** One of several kernels that compute the same. */
interface Candidate<Name> {
  readonly name: Name;
  readonly plan: () => Omit<Dispatch, 'tensors'>;
}

interface Entry<Name> {
  readonly name: Name;
  readonly program: Program;
  best: number;
}

function matmulTimes(gpu: Gpu, shape: MatmulShape, measuring: Measuring): Promise<Map<MatmulVariant, number>> {
  const { M, N, K } = shape;
  const { lanes } = gpu.tuning;
  const candidates = variantsOf(shape, lanes).map((name) => ({ name, plan: () => planVariant(shape, name, lanes) }));
  return timesOf(gpu, candidates, { inputs: [M * K, N * K], outputs: [M * N], error: MATMUL_ERROR * K }, measuring);
}

function attentionTimes(gpu: Gpu, measuring: Measuring): Promise<Map<AttentionRows, number>> {
  const { B, Sq, H, d } = ATTENTION;
  const values = B * Sq * H * d;
  const candidates = ([1, 4] as const).map((name) => ({ name, plan: () => planAttention('FORWARD', ATTENTION, name) }));
  const inputs = [values, values, values, B * Sq]; // a mask of noise hides no key
  return timesOf(gpu, candidates, { inputs, outputs: [B * H * Sq, values], error: ATTENTION_ERROR }, measuring);
}

/**
 * Milliseconds of every kernel that is right and compiles in time. Contenders take turns.
 *
 * @param candidates the safe one first, then in the order of how long they take to compile.
 * @param tensors floats of what they read and, behind it, write. The last of these is the result, whose entries may differ
 *   by `error` from those of the first kernel.
 */
async function timesOf<Name>(
  gpu: Gpu,
  candidates: readonly Candidate<Name>[],
  { inputs, outputs, error }: { inputs: readonly number[]; outputs: readonly number[]; error: number },
  { now, tooSlow }: Measuring,
): Promise<Map<Name, number>> {
  const buffers = [...inputs, ...outputs].map((floats, i) => gpu.buffers.storage(`tuning ${i}`, floats * 4));
  const tensors = buffers.map((buffer): BufferRange => ({ buffer, offset: 0, bytes: buffer.bytes }));
  const result = tensors[tensors.length - 1];
  const entries: Entry<Name>[] = [];
  try {
    inputs.forEach((_, i) => {
      const { gpuBuffer, bytes } = buffers[i];
      gpu.device.queue.writeBuffer(gpuBuffer, 0, noise(bytes / 4));
    });
    let right: Float32Array | undefined;
    let limit = Infinity; // the first is needed in any case, however busy the machine is
    for (const { name, plan } of candidates) {
      if (tooSlow.has(name)) break;
      const start = now();
      const { kernel, params, workgroups } = plan();
      const compiled = gpu.pipelines.get(kernel).then(
        () => true,
        () => false,
      );
      if (limit < Infinity && !(await Promise.race([compiled, later(limit)]))) {
        tooSlow.add(name);
        break;
      }
      const program = await Program.record(gpu, `tuning ${kernel.name}`, [{ kernel, params, tensors, workgroups }]);
      entries.push({ name, program, best: Infinity });
      submit(gpu, program); // some drivers compile only now
      const values = new Float32Array(await readBytes(gpu, result));
      right ??= values;
      if (!agree(values, right, error)) entries.pop()?.program.destroy();
      const taken = now() - start;
      if (limit === Infinity) limit = Math.max(COMPILE_LIMIT, COMPILE_FACTOR * taken);
      else if (taken > limit) tooSlow.add(name);
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const entry of entries) {
        const start = now();
        submit(gpu, ...new Array<Program>(REPEATS).fill(entry.program));
        await readBytes(gpu, { ...result, bytes: 16 });
        entry.best = Math.min(entry.best, now() - start);
      }
    }
    return new Map(entries.map(({ name, best }) => [name, best / REPEATS]));
  } finally {
    for (const { program } of entries) program.destroy();
    for (const buffer of buffers) buffer.destroy();
  }
}

/** Whether two results differ by no more than `error` in any entry. */
const agree = (x: Float32Array, y: Float32Array, error: number): boolean =>
  x.every((value, i) => Math.abs(value - y[i]) <= error);

function noise(floats: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(mixSeed(1, 'tuning'));
  return Float32Array.from({ length: floats }, () => 2 * random.next() - 1);
}

const later = (milliseconds: number): Promise<false> =>
  new Promise((resolve) => setTimeout(() => resolve(false), milliseconds));
