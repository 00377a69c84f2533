import { digits, markdownTable } from '../base/markdown.ts';
import { mixSeed, seededRandom } from '../base/random.ts';
import { type BufferRange, wholeOf } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { type HalfOperands, type MatmulLayout, type MatmulShape, plainProduct } from '../device/matmul-shape.ts';
import type { Gpu } from '../device/webgpu/gpu.ts';
import {
  type MatmulVariant,
  planVariant,
  scratchOf,
  shapeClassOf,
  startVariant,
  variantsOf,
} from '../device/webgpu/kernels/matmul-variants.ts';
import { stepsOf } from '../device/webgpu/kernels/matmul.ts';
import { GpuProgram, submitWhole } from '../device/webgpu/program.ts';
import { readBytes } from '../device/webgpu/readback.ts';
import { WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import type { Bench, PartReport, Scope } from './bench.ts';
import { type Clock, type Contender, cost, takeTurns, type Timing } from './timing.ts';

/** M, K, N. */
export type Sizes = readonly [number, number, number];

/** A contender that owns memory on the device. */
export type OwnedContender = Contender & { destroy(): void };

/** The kernel that the device chooses for a product, measured first if necessary. */
export async function chosenKernel(device: WebGpuDevice, shape: MatmulShape): Promise<MatmulVariant> {
  const { tuning } = device.gpu;
  tuning.variantOf(shape);
  await device.prepare(() => undefined);
  return tuning.variantOf(shape);
}

/** A product by one of its kernels, over random numbers. */
export async function productBy(gpu: Gpu, shape: MatmulShape, variant: MatmulVariant): Promise<OwnedContender> {
  const { M, N, K } = shape;
  const owned: { destroy(): void }[] = [];
  const buffer = (name: string, floats: number): BufferRange => {
    const made = gpu.buffers.storage(name, floats * 4);
    owned.push(made);
    return wholeOf(made);
  };
  try {
    const [a, b, c] = [buffer('A', M * K), buffer('B', N * K), buffer('C', M * N)];
    for (const [i, range] of [a, b].entries()) {
      gpu.device.queue.writeBuffer(gpu.buffers.memoryOf(range.buffer), 0, noise(range.bytes / 4, i));
    }
    const floats = scratchOf(shape, gpu.tuning);
    const partial = floats > 0 ? buffer('partial sums', floats) : undefined;
    const steps = stepsOf(planVariant(shape, variant, gpu.tuning), { a, b, c }, partial);
    const program = await GpuProgram.record(gpu, variant, steps);
    owned.push(program);
    return {
      name: variant,
      run: async (times) => {
        submitWhole(gpu, new Array<GpuProgram>(times).fill(program));
        await readBytes(gpu, { ...c, bytes: 16 });
      },
      destroy: () => owned.forEach((each) => each.destroy()),
    };
  } catch (error) {
    for (const each of owned) each.destroy();
    throw error;
  }
}

/** All kernels of a product, side by side. */
export interface Comparison {
  readonly layout: MatmulLayout;
  readonly sizes: Sizes;
  /** Operands that may be rounded to 16-bit floats. */
  readonly halves?: HalfOperands;
  /** The class of products that share the choice; null if there is nothing to choose. */
  readonly shapeClass: string | null;
  readonly chosen: MatmulVariant;
  readonly timings: readonly Timing[];
}

/** A product whose kernels are compared. */
type ComparedProduct = Pick<Comparison, 'layout' | 'sizes' | 'halves'> & {
  /** Whether only the chosen kernel is timed. */
  readonly onlyChosen?: boolean;
};

/** @param peers contenders of other libraries, freed afterwards. */
export async function compareKernels(
  clock: Clock,
  device: WebGpuDevice,
  { onlyChosen = false, ...product }: ComparedProduct,
  rounds: number,
  peers: readonly OwnedContender[] = [],
): Promise<Comparison> {
  const [M, K, N] = product.sizes;
  const { layout, halves } = product;
  const shape = { ...plainProduct(layout, M, N, K), ...(halves && { halves }) };
  const { gpu } = device;
  const contenders = [...peers];
  try {
    const name = shapeClassOf(shape, gpu.tuning) ?? null;
    const chosen = await chosenKernel(device, shape);
    const all = name === null ? [startVariant(shape, gpu.tuning)] : variantsOf(shape, gpu.tuning);
    for (const variant of onlyChosen ? [chosen] : all) {
      contenders.push(await productBy(gpu, shape, variant));
    }
    return { ...product, shapeClass: name, chosen, timings: await takeTurns(clock, contenders, rounds) };
  } finally {
    for (const contender of contenders) contender.destroy();
  }
}

/** Numbers in [−1, 1). */
function noise(floats: number, seed: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(mixSeed(seed, 'bench'));
  return Float32Array.from({ length: floats }, () => 2 * random.next() - 1);
}

/** Those of `peer.py`: of the peers' harness, and of a feed-forward layer of t5-large. The small ones come first. */
const SHAPES: readonly Sizes[] = [
  [512, 512, 512],
  [1024, 512, 512],
  [512, 512, 2048],
  [128, 512, 4096],
  [4096, 1024, 4096],
];
const SMALL = 4;

/** A product's kernels, and the one that the device chose. */
interface Product {
  readonly sizes: Sizes;
  readonly chosen: string;
  readonly timings: readonly Timing[];
}

/** Kernels of x Wᵀ by shape, and the one that the device chooses. */
export async function measureProducts({ clock, scope, open }: Bench): Promise<PartReport> {
  const device = await open();
  try {
    const found: Product[] = [];
    for (const sizes of scope.smallProducts ? SHAPES.slice(0, SMALL) : SHAPES) {
      found.push(await measureProduct(clock, device, sizes, scope));
    }
    const rates: number[] = [];
    const rows = found.map(({ sizes, chosen, timings }) => {
      const rate = (ms: number): number => (2 * sizes[0] * sizes[1] * sizes[2]) / ms / 1e6;
      const gigaflops = (ms: number): string => digits(rate(ms));
      const best = timings.reduce((a, b) => (cost(b) < cost(a) ? b : a));
      const own = timings.find(({ name }) => name === chosen) ?? best;
      rates.push(rate(own.wallMedian));
      const all = timings.map(({ name, wallMedian }) => `${name} ${gigaflops(wallMedian)}`);
      return [sizes.join(' × '), chosen, gigaflops(own.wallMedian), best.name, all.join(', ')].slice(
        0,
        scope.chosenKernels ? 3 : undefined,
      );
    });
    const head = ['M × K × N', 'chosen', 'GFLOP per second', 'best', 'all, GFLOP per second'];
    const { choices, wrong } = device instanceof WebGpuDevice ? device.gpu.tuning : { choices: {}, wrong: [] };
    return {
      numbers: { products: found, choices, wrong },
      headline: `${digits(Math.min(...rates))} to ${digits(Math.max(...rates))} GFLOP per second`,
      text: markdownTable(head.slice(0, rows[0].length), rows),
    };
  } finally {
    await device.destroy();
  }
}

async function measureProduct(clock: Clock, device: Device, sizes: Sizes, scope: Scope): Promise<Product> {
  if (device instanceof WebGpuDevice) {
    const product = { layout: 'nt', sizes, onlyChosen: scope.chosenKernels } as const;
    return compareKernels(clock, device, product, scope.rounds);
  }
  const [M, K, N] = sizes;
  const contender = await plannedProduct(device, plainProduct('nt', M, N, K), 'WebAssembly');
  try {
    return { sizes, chosen: contender.name, timings: await takeTurns(clock, [contender], scope.rounds) };
  } finally {
    contender.destroy();
  }
}

/** A product of random matrices as the device's planner computes it. */
export async function plannedProduct(device: Device, shape: MatmulShape, name: string): Promise<OwnedContender> {
  const { M, N, K } = shape;
  const buffers = [M * K, K * N, M * N].map((floats, i) => device.buffers.storage(`operand ${i}`, floats * 4));
  buffers.slice(0, 2).forEach((buffer, i) => device.write(buffer, 0, noise(buffer.bytes / 4, i)));
  const [a, b, c] = buffers.map(wholeOf);
  const program = await device.record(name, () => device.planner.product(shape, { a, b, c }, undefined));
  return {
    name,
    run: async (times) => {
      for (let i = 0; i < times; i++) await device.run([program]);
      await device.read({ ...c, bytes: 16 });
    },
    destroy: () => [program, ...buffers].forEach((each) => each.destroy()),
  };
}
