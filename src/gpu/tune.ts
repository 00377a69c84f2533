import { mixSeed, seededRandom } from '../base/random.ts';
import type { Gpu } from './device.ts';
import type { MatmulShape } from './kernels/matmul.ts';
import { MATMUL_VARIANTS, type MatmulVariant, planVariant, variantsOf } from './kernels/matmul-variants.ts';
import { type BufferRange, Program, submit } from './program.ts';
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

const PLAIN = { batch: 1, batchStrideA: 0, batchStrideB: 0, batchStrideC: 0, batchStrideD: 0 };
/** A product of the size that fills a training step of the embedded model: what decides about attention. */
const PROBE: MatmulShape = {
  ...PLAIN,
  layout: 'nt',
  M: 1024,
  N: 128,
  K: 128,
  alpha: 1,
  addend: false,
  accumulate: false,
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
// Largest difference from the safe kernel, relative to Σ|a||b| of an entry, that rounding explains.
const TOLERANCE = 1e-5;

/**
 * Makes the device choose its kernels by measurement: the best of one adapter is a bad one of another, and its name
 * does not tell. What is known of the device is taken from the store; the rest is measured when a program first needs
 * a shape class (see {@link compile}), and kept.
 */
export async function tuneGpu(gpu: Gpu, host: TuningHost): Promise<void> {
  if (gpu.tuning.isMeasuring) return;
  const { vendor, architecture, description } = gpu.facts;
  // Where there are other kernels to choose from, other choices may be right.
  const device = [vendor, architecture, description, host.platform, ...MATMUL_VARIANTS].join(' | ');
  const keep = (): Promise<void> => host.store.write(device, gpu.tuning.choices);
  const known = readChoices(await host.store.read(device));
  const measuring = { now: host.now, tooSlow: new Set<MatmulVariant>() };
  if (known === undefined) {
    const times = await timesOf(gpu, PROBE, ['register-8', 'register-16'], measuring);
    const [small, large] = [times.get('register-8') ?? Infinity, times.get('register-16') ?? Infinity];
    gpu.tuning.attentionRows = large < small ? 4 : 1;
    await keep();
  } else {
    gpu.tuning.attentionRows = known.attentionRows;
    for (const [name, variant] of Object.entries(known.matmul)) gpu.tuning.choose(name, variant);
  }
  gpu.tuning.measureWith(async (shapes) => {
    for (const [name, shape] of shapes) {
      const times = await timesOf(gpu, measured(shape), variantsOf(shape, gpu.tuning.lanes), measuring);
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
  return { ...PROBE, layout, M, N, K };
}

const quickest = (times: ReadonlyMap<MatmulVariant, number>): MatmulVariant =>
  [...times].reduce((best, entry) => (entry[1] < best[1] ? entry : best))[0];

interface Entry {
  variant: MatmulVariant;
  program: Program;
  best: number;
}

/** Milliseconds of a product by every kernel that is right and compiles in time. Contenders take turns. */
async function timesOf(
  gpu: Gpu,
  shape: MatmulShape,
  variants: readonly MatmulVariant[],
  { now, tooSlow }: { now: () => number; tooSlow: Set<MatmulVariant> },
): Promise<Map<MatmulVariant, number>> {
  const { M, N, K } = shape;
  const buffers = [M * K, N * K, M * N].map((floats, i) => gpu.buffers.storage(`tuning ${i}`, floats * 4));
  const [a, b, c] = buffers.map((buffer): BufferRange => ({ buffer, offset: 0, bytes: buffer.bytes }));
  const entries: Entry[] = [];
  try {
    for (const { buffer, bytes } of [a, b]) gpu.device.queue.writeBuffer(buffer.gpuBuffer, 0, noise(bytes / 4));
    let right: Float32Array | undefined;
    let limit = Infinity; // the first is needed in any case, however busy the machine is
    for (const variant of variants) {
      if (tooSlow.has(variant)) break;
      const start = now();
      const { kernel, params, workgroups } = planVariant(shape, variant, gpu.tuning.lanes);
      const compiled = gpu.pipelines.get(kernel).then(
        () => true,
        () => false,
      );
      if (limit < Infinity && !(await Promise.race([compiled, later(limit)]))) {
        tooSlow.add(variant);
        break;
      }
      const program = await Program.record(gpu, `tuning ${variant}`, [
        { kernel, params, tensors: [a, b, c], workgroups },
      ]);
      entries.push({ variant, program, best: Infinity });
      submit(gpu, program); // some drivers compile only now
      const result = new Float32Array(await readBytes(gpu, c));
      right ??= result;
      if (!agree(result, right, K)) entries.pop()?.program.destroy();
      const taken = now() - start;
      if (limit === Infinity) limit = Math.max(COMPILE_LIMIT, COMPILE_FACTOR * taken);
      else if (taken > limit) tooSlow.add(variant);
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const entry of entries) {
        const start = now();
        submit(gpu, ...new Array<Program>(REPEATS).fill(entry.program));
        await readBytes(gpu, { ...c, bytes: 16 });
        entry.best = Math.min(entry.best, now() - start);
      }
    }
    return new Map(entries.map(({ variant, best }) => [variant, best / REPEATS]));
  } finally {
    for (const { program } of entries) program.destroy();
    for (const buffer of buffers) buffer.destroy();
  }
}

/** Whether two results of a product of K terms of at most 1 differ by rounding alone. */
const agree = (x: Float32Array, y: Float32Array, K: number): boolean =>
  x.every((value, i) => Math.abs(value - y[i]) <= TOLERANCE * K);

function noise(floats: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(mixSeed(1, 'tuning'));
  return Float32Array.from({ length: floats }, () => 2 * random.next() - 1);
}

const later = (milliseconds: number): Promise<false> =>
  new Promise((resolve) => setTimeout(() => resolve(false), milliseconds));
