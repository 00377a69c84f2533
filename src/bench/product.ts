import { mixSeed, seededRandom } from '../base/random.ts';
import { type BufferRange, wholeOf } from '../device/buffers.ts';
import type { Gpu } from '../device/webgpu/gpu.ts';
import { stepsOf } from '../device/webgpu/kernels/matmul.ts';
import { type HalfOperands, type MatmulLayout, type MatmulShape, plainProduct } from '../device/matmul-shape.ts';
import {
  type MatmulVariant,
  planVariant,
  scratchOf,
  shapeClassOf,
  startVariant,
  variantsOf,
} from '../device/webgpu/kernels/matmul-variants.ts';
import { GpuProgram, submitWhole } from '../device/webgpu/program.ts';
import type { WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import { readBytes } from '../device/webgpu/readback.ts';
import { type Clock, type Contender, takeTurns, type Timing } from './timing.ts';

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
export function noise(floats: number, seed: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(mixSeed(seed, 'bench'));
  return Float32Array.from({ length: floats }, () => 2 * random.next() - 1);
}
