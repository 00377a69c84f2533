import { mixSeed, seededRandom } from '../../base/random.ts';
import { type BufferRange, wholeOf } from '../buffers.ts';
import type { Dispatch } from '../kernel.ts';
import { pack, packedBytes, type Packing, unpack } from '../packing.ts';
import type { Gpu } from './gpu.ts';
import { type Clocks, DeviceTimer } from './device-timer.ts';
import { stepsOf } from './kernels/matmul.ts';
import { type MatmulShape, plainProduct, areInputsVec4Aligned, windowOf } from '../matmul-shape.ts';
import { wrongResults } from './tuning.ts';
import {
  type MatmulVariant,
  planVariant,
  ROUNDING_VARIANTS,
  scratchOf,
  variantsOf,
} from './kernels/matmul-variants.ts';
import { GpuProgram, prepare, submitWhole } from './program.ts';
import { AT_ONCE, readBytes } from './readback.ts';

/** Shared state of a device's measurements. */
export interface Measuring {
  readonly clocks: Clocks;
  /** Kernels that took too long to compile. */
  readonly tooSlow: Set<unknown>;
  /** Called with the name of a kernel that gives wrong results. */
  readonly leaveOut: (kernel: string) => void;
}

// Largest sides that are measured. Beyond them the order of kernels does not change, since every kernel starts several
// workgroups a core.
const LARGEST = 2048;
// The maximum of multiplications at once: some 50 ms of the weakest card.
const MOST_WORK = 2 ** 31;
// Contenders take turns in rounds. After each, those within a multiple of the best time stay. There are many rounds
// while all together take no longer than a limit in milliseconds; after that only a few, of those that are close.
const MAX_ROUNDS = 12;
// The first of them also find out how often each contender must be repeated.
const ROUGH_ROUNDS = 2;
const LONGEST = 200;
const STILL_IN = { early: [3, 2, 2, 1.5], late: [2, 1.5, 1.25, 1.1] };
// Limit for compiling a kernel, in milliseconds, or as a multiple of the first one's time if that is more. A kernel
// above it is left out, in every class.
const COMPILE_LIMIT = 1000;
const COMPILE_FACTOR = 6;
// Entries of a result that are computed on the host, to be compared.
const PROBES = 64;
// Largest difference from the right value that rounding explains, for each term of at most 1 of an entry.
const MATMUL_ERROR = 1e-5;
const HALF_ERROR = 1e-3; // two operands that are off by 2^-11 of themselves

/**
 * A product that the same kernels compute in the same way, in the time of a measurement. Parts of larger matrices
 * become whole matrices with the same alignment of rows to four floats.
 */
export function measured(product: MatmulShape): MatmulShape {
  const { layout, halves, packedB, window } = product;
  // Sides stay odd or multiples of four, as they were.
  const side = (size: number, most = LARGEST): number => (size > most ? most + (size % 4) : size);
  const [M, N] = [side(product.M), side(product.N)];
  const K = side(side(product.K), Math.floor(MOST_WORK / (M * N) / 4) * 4);
  const batch = Math.min(product.batch, Math.ceil(MOST_WORK / (M * N * K * 4)));
  const small = { ...plainProduct(layout, M, N, K), batch, ...(halves && { halves }) };
  const { rowA, rowB, rowC } = windowOf(small);
  const row = (size: number): number => {
    if (areInputsVec4Aligned(product)) return Math.ceil(size / 4) * 4;
    return size % 4 === 0 ? size + 1 : size;
  };
  const placed = { rowA: row(rowA), rowB: row(rowB), rowC };
  const whole = window ? { ...small, window: placed } : small;
  const [a, b, c] = sizesOf(whole);
  const strides = { batchStrideA: a, batchStrideB: b, batchStrideC: c, batchStrideD: c };
  const stack = batch > 1 ? { ...whole, ...strides } : whole;
  return packedB ? { ...stack, packedB: { ...packedB, elements: batch * b } } : stack;
}

/** Floats of the matrices of a product: A, B and C of one of a stack. */
function sizesOf(shape: MatmulShape): [a: number, b: number, c: number] {
  const { layout, M, N, K } = shape;
  const { rowA, rowB, rowC } = windowOf(shape);
  return [(layout === 'tn' ? K : M) * rowA, (layout === 'nt' ? N : K) * rowB, M * rowC];
}

/** The fastest kernel for products like this one. */
export function quickestMatmul(gpu: Gpu, product: MatmulShape, measuring: Measuring): Promise<MatmulVariant> {
  const traits = gpu.tuning;
  const shape = measured(product);
  const { layout, M, N, K, batch, packedB } = shape;
  const { rowA, rowB, rowC } = windowOf(shape);
  const [sizeA, sizeB, sizeC] = sizesOf(shape);
  const probe = ([a, b]: readonly Float32Array[], entry: number): [place: number, value: number] => {
    const [z, m, n] = [Math.floor(entry / (M * N)), Math.floor(entry / N) % M, entry % N];
    const [placeA, nextA] = layout === 'tn' ? [m, rowA] : [m * rowA, 1];
    const [placeB, nextB] = layout === 'nt' ? [n * rowB, 1] : [n, rowB];
    let sum = 0;
    for (let k = 0; k < K; k++) sum += a[z * sizeA + placeA + k * nextA] * b[z * sizeB + placeB + k * nextB];
    return [z * sizeC + m * rowC + n, sum];
  };
  const able = variantsOf(shape, traits);
  const candidates = variantsOf(product, traits)
    .filter((name) => able.includes(name))
    .map((name) => ({
      name,
      steps: ([a, b, partial, c]: readonly BufferRange[]) =>
        stepsOf(planVariant(shape, name, traits), { a, b, c }, partial),
      error: K * (ROUNDING_VARIANTS.has(name) ? HALF_ERROR : MATMUL_ERROR),
    }));
  const inputs = [{ floats: batch * sizeA }, { floats: batch * sizeB, packing: packedB?.packing }];
  const outputs = [Math.max(1, scratchOf(shape, traits)), batch * sizeC];
  return quickestOf(gpu, candidates, { inputs, outputs }, { entries: batch * M * N, at: probe }, measuring);
}

/** A tensor that kernels read: noise. */
interface Input {
  readonly floats: number;
  /** The right end of the result, in place of noise. */
  readonly end?: readonly number[];
  readonly packing?: Packing | undefined;
}

/** A check of a result: entries of it, computed on the host. */
interface Probe {
  readonly entries: number;
  /** The index of an entry in the result, and its value. */
  readonly at: (inputs: readonly Float32Array[], entry: number) => [place: number, value: number];
}

/** One of several kernels that compute the same. */
interface Candidate<Name> {
  readonly name: Name;
  readonly steps: (tensors: readonly BufferRange[]) => readonly Dispatch[];
  /** By how much an entry of the result may differ from the right value. */
  readonly error: number;
}

interface Entry<Name> {
  readonly name: Name;
  readonly program: GpuProgram;
  /** How often it runs to be timed. */
  repeats: number;
  /** Its time in every round. */
  times: number[];
}

/**
 * A kernel's time on an idle machine: the lower quartile of its times. On a busy machine most are too long, and some
 * too short because a driver records the start of a pass late.
 */
export const undisturbed = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length / 4)];

/**
 * The fastest of the kernels that are correct and compile in time.
 *
 * @param candidates the safe one first, then in the order of how long they take to compile.
 * @param tensors those that they read, then floats of those they write. The last one is the result.
 * @throws GorpError `device/wrong-results` where none is right.
 */
export async function quickestOf<Name>(
  gpu: Gpu,
  candidates: readonly Candidate<Name>[],
  { inputs, outputs }: { inputs: readonly Input[]; outputs: readonly number[] },
  probe: Probe,
  measuring: Measuring,
): Promise<Name> {
  const { clocks } = measuring;
  const sizes = [
    ...inputs.map(({ packing, floats }) => (packing ? packedBytes(packing, floats) : floats * 4)),
    ...outputs.map((floats) => floats * 4),
  ];
  const buffers = await gpu.buffers.confirmed('tuning', sizes);
  const tensors = buffers.map(wholeOf);
  const entries: Entry<Name>[] = [];
  const timer = new DeviceTimer(gpu, clocks, candidates.length);
  try {
    const values = inputs.map(({ floats, end = [], packing }, i) => {
      const value = noise(floats);
      value.set(end, floats - end.length);
      const words = packing ? pack(value, packing) : value;
      gpu.device.queue.writeBuffer(gpu.buffers.memoryOf(buffers[i]), 0, words);
      return packing ? unpack(words as Uint32Array<ArrayBuffer>, packing, floats) : value;
    });
    const wrong = await enter(gpu, candidates, tensors, probesOf(probe, values), entries, measuring);
    if (entries.length === 0 && wrong.length === 0) throw new Error('no kernel compiles');
    if (entries.length === 0) throw wrongResults(wrong.join(', '));
    // The others are likely to be quicker, so they are repeated more often once they have been timed.
    const repeats = entries.length > 1 ? await timer.repeatsFor(entries[0].program) : 1;
    for (const entry of entries) entry.repeats = repeats;
    let left = entries;
    let all = 0;
    for (let round = 0; left.length > 1 && round < (all < LONGEST ? MAX_ROUNDS : STILL_IN.late.length); round++) {
      const times = await timer.times(left);
      left.forEach((entry, i) => entry.times.push(times[i]));
      const least = Math.min(...left.map((entry) => undisturbed(entry.times)));
      const used = times.reduce((sum, time, i) => sum + left[i].repeats * time, 0);
      all += used;
      const factor = (all < LONGEST ? STILL_IN.early : STILL_IN.late)[Math.min(round, 3)];
      left = left.filter((entry) => undisturbed(entry.times) <= factor * least);
      for (const entry of round < ROUGH_ROUNDS ? left : []) {
        const needed = timer.repeatsAfter(entry.repeats, entry.repeats * entry.times[entry.times.length - 1]);
        if (needed > entry.repeats) [entry.repeats, entry.times] = [needed, []]; // what was timed is rounded too much
      }
    }
    return left.reduce((a, b) => (undisturbed(b.times) < undisturbed(a.times) ? b : a)).name;
  } finally {
    timer.destroy();
    for (const { program } of entries) program.destroy();
    for (const buffer of buffers) buffer.destroy();
  }
}

/** Compiles candidates, one after another, and enters those that are right into `entries`. @returns those that are wrong. */
async function enter<Name>(
  gpu: Gpu,
  candidates: readonly Candidate<Name>[],
  tensors: readonly BufferRange[],
  probes: ReadonlyMap<number, number>,
  entries: Entry<Name>[],
  { clocks, tooSlow, leaveOut }: Measuring,
): Promise<string[]> {
  const result = tensors[tensors.length - 1];
  const wrong: string[] = [];
  let right: Float32Array | undefined;
  let limit = Infinity; // the first is needed in any case
  for (const { name, steps, error } of candidates) {
    if (tooSlow.has(name)) continue;
    const began = clocks.now();
    const dispatches = steps(tensors);
    const compiled = await compiledWithin(gpu, dispatches, limit);
    if (compiled === 'late') tooSlow.add(name);
    if (compiled !== 'ready') continue;
    clear(gpu, result); // another kernel's result there would be correct
    const program = await GpuProgram.record(gpu, `tuning ${String(name)}`, dispatches);
    entries.push({ name, program, repeats: 1, times: [] });
    submitWhole(gpu, [program]);
    const values = new Float32Array(await readBytes(gpu, result, AT_ONCE));
    const isRight = [...probes].every(([place, value]) => Math.abs(values[place] - value) <= error);
    if (isRight && agree(values, right ?? values, 2 * error)) {
      right ??= values;
    } else {
      entries.pop()?.program.destroy();
      const kernels = dispatches.map(({ kernel }) => kernel.name).join(', ');
      wrong.push(kernels);
      leaveOut(kernels);
    }
    const taken = clocks.now() - began; // some drivers only compile at the first use
    if (limit === Infinity) limit = Math.max(COMPILE_LIMIT, COMPILE_FACTOR * taken);
    else if (taken > limit) tooSlow.add(name);
  }
  return wrong;
}

/** Compiles what dispatches need, for so many milliseconds at most. */
async function compiledWithin(
  gpu: Gpu,
  dispatches: readonly Dispatch[],
  limit: number,
): Promise<'ready' | 'failed' | 'late'> {
  const compiled = prepare(gpu, dispatches).then(
    () => 'ready' as const,
    () => 'failed' as const,
  );
  if (limit === Infinity) return compiled;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), limit)));
  return Promise.race([compiled, late]).finally(() => clearTimeout(timer));
}

function clear(gpu: Gpu, { buffer }: BufferRange): void {
  const encoder = gpu.device.createCommandEncoder();
  encoder.clearBuffer(gpu.buffers.memoryOf(buffer));
  gpu.device.queue.submit([encoder.finish()]);
}

/** Right values of some entries, evenly over the result, by their place in it. */
function probesOf({ entries, at }: Probe, inputs: readonly Float32Array[]): Map<number, number> {
  const count = Math.min(PROBES, entries);
  const some = Array.from({ length: count }, (_, i) => Math.round((i * (entries - 1)) / Math.max(1, count - 1)));
  return new Map(some.map((entry) => at(inputs, entry)));
}

/** Whether two results differ by no more than `error` in any entry. */
const agree = (x: Float32Array, y: Float32Array, error: number): boolean =>
  x.every((value, i) => Math.abs(value - y[i]) <= error);

function noise(floats: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(mixSeed(1, 'tuning'));
  return Float32Array.from({ length: floats }, () => 2 * random.next() - 1);
}
