import type { Gpu } from '../../src/gpu/device.ts';
import type { MatmulLayout, MatmulShape } from '../../src/gpu/kernels/matmul.ts';
import { planVariant, shapeClass, variantsOf } from '../../src/gpu/kernels/matmul-variants.ts';
import { type BufferRange, Program, submit } from '../../src/gpu/program.ts';
import { readBytes } from '../../src/gpu/readback.ts';
import { type Clock, type Contender, takeTurns, type Timing } from '../timing.ts';

/** M, K, N. */
export type Sizes = readonly [number, number, number];

/** The four of the peers' harness, odd sizes, and the skinny ones of adapters and projections. */
export const MATMUL_SIZES: readonly Sizes[] = [
  [512, 512, 512],
  [1024, 512, 512],
  [512, 512, 2048],
  [128, 512, 4096],
  [511, 509, 513],
  [1024, 512, 8],
  [1024, 32, 512],
];

/** What every kernel needs for one product, and which one the device chose. */
export interface MatmulResult {
  layout: MatmulLayout;
  sizes: Sizes;
  chosen: string;
  timings: Timing[];
}

/** Every kernel of a product, beside each other. */
export async function benchMatmul(
  gpu: Gpu,
  clock: Clock,
  layout: MatmulLayout,
  sizes: Sizes,
  rounds: number,
): Promise<MatmulResult> {
  const [M, K, N] = sizes;
  const plain = { batch: 1, batchStrideA: 0, batchStrideB: 0, batchStrideC: 0, batchStrideD: 0 };
  const shape: MatmulShape = { ...plain, layout, M, N, K, alpha: 1, addend: false, accumulate: false };
  gpu.tuning.variantOf(shape);
  await gpu.tuning.settle();
  const buffers = [M * K, N * K, M * N].map((floats, i) => gpu.buffers.storage(`operand ${i}`, floats * 4));
  const [a, b, c] = buffers.map((buffer): BufferRange => ({ buffer, offset: 0, bytes: buffer.bytes }));
  const programs: Program[] = [];
  const partials: { destroy(): void }[] = [];
  try {
    const contenders: Contender[] = [];
    const variants = shapeClass(shape) === undefined ? (['register-8'] as const) : variantsOf(shape);
    for (const variant of variants) {
      const { kernel, params, workgroups, reduce } = planVariant(shape, variant);
      let into = c;
      if (reduce) {
        const buffer = gpu.buffers.storage('partial sums', reduce.partialSize * 4);
        partials.push(buffer);
        into = { buffer, offset: 0, bytes: buffer.bytes };
      }
      const program = await Program.record(gpu, variant, [
        { kernel, params, workgroups, tensors: [a, b, into] },
        ...(reduce ? [{ ...reduce, tensors: [into, c] }] : []),
      ]);
      programs.push(program);
      contenders.push({
        name: variant,
        run: async (times) => {
          submit(gpu, ...new Array<Program>(times).fill(program));
          await readBytes(gpu, { ...c, bytes: 16 });
        },
      });
    }
    const timings = await takeTurns(clock, contenders, rounds);
    return { layout, sizes, chosen: gpu.tuning.variantOf(shape), timings };
  } finally {
    for (const owned of [...programs, ...partials, ...buffers]) owned.destroy();
  }
}
