import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { float32ToHalf, halfToFloat32 } from '../../../base/half.ts';
import { F32, relativeError } from '../../../testing/compare.ts';
import { acquireTestGpu } from '../../../testing/devices.ts';
import { noise } from '../../../testing/graphs.ts';
import { wholeOf } from '../../buffers.ts';
import type { Kernel } from '../../kernel.ts';
import { pack, type Packing, unpack } from '../../packing.ts';
import type { Gpu } from '../gpu.ts';
import { GpuProgram, submitWhole } from '../program.ts';
import { readBytes } from '../readback.ts';
import { type MatrixComponent, NO_MATRICES } from '../subgroups.ts';
import type { MatmulPlan } from './matmul.ts';
import { matmulReference } from '../../matmul-reference.ts';
import { type MatmulLayout, type MatmulShape, plainProduct, windowOf } from '../../matmul-shape.ts';
import { matricesFor, type MatrixTile, planSubgroupMatrixMatmul } from './matmul-subgroup-matrix.ts';
import { planVariant, variantsOf } from './matmul-variants.ts';

let gpu: Gpu;
beforeAll(async () => {
  ({ gpu } = await acquireTestGpu());
});
afterAll(() => gpu.destroy());

// Threads of an emulated subgroup; any number works.
const LANES = 8;
// Rows and columns that a subgroup computes.
const SIDE = 32;

/**
 * The same kernel with plain WGSL instead of the device's matrices, which tests everything but the hardware's product on
 * every device. Operands are read in place, and each thread holds every LANES-th sum.
 */
function emulated({ name, wgsl = () => '' }: Kernel, { sizes: { M, N, K }, lanes }: MatrixTile): Kernel {
  const helpers = `
struct Operand { offset: u32, row: u32, column: u32 }
alias Sums = array<f32, ${Math.ceil((M * N) / lanes)}>;
var<private> ownLane: u32;
fn load_row(offset: u32, stride: u32) -> Operand { return Operand(offset, stride, 1u); }
fn load_col(offset: u32, stride: u32) -> Operand { return Operand(offset, 1u, stride); }
fn multiplied(x: Operand, y: Operand, before: Sums) -> Sums {
  var sums = before;
  for (var i = ownLane; i < ${M * N}u; i += ${lanes}u) {
    for (var k = 0u; k < ${K}u; k++) {
      let left = blockA[x.offset + i / ${N}u * x.row + k * x.column];
      sums[i / ${lanes}u] += f32(left) * f32(blockB[y.offset + k * y.row + i % ${N}u * y.column]);
    }
  }
  return sums;
}
fn store(offset: u32, values: Sums, stride: u32) {
  var sums = values;
  for (var i = ownLane; i < ${M * N}u; i += ${lanes}u) {
    finished[offset + i / ${N}u * stride + i % ${N}u] = sums[i / ${lanes}u];
  }
}`;
  const changed = wgsl()
    .replace(/^(enable (subgroups|chromium_experimental_subgroup_matrix)|diagnostic.*);\n/gm, '')
    .replace(/^alias (Left|Right|Sums) .*\n/gm, '')
    .replace(/^ *@builtin\(subgroup_(id|invocation_id)\).*\n/gm, '')
    .replace(
      'let row0 =',
      `let subgroup = thread / ${lanes}u;\n  let lane = thread % ${lanes}u;\n  ownLane = lane;\n  let row0 =`,
    )
    .replace(/subgroupMatrixLoad<(Left|Right), (row|col)_major>\(&block[AB], /g, 'load_$2(')
    .replaceAll('subgroupMatrixMultiplyAccumulate(', 'multiplied(')
    .replaceAll('subgroupMatrixStore<row_major>(&finished, ', 'store(');
  expect(changed).not.toMatch(/subgroup_|subgroupMatrix/);
  return { name: `${name} emulated`, wgsl: () => changed + helpers };
}

interface Product {
  readonly shape: MatmulShape;
  /** How B is packed. */
  readonly packing?: Packing;
}

/**
 * Runs a plan on random numbers.
 *
 * @returns its errors against the reference on the operands as the kernel rounds them, and on the exact ones.
 */
async function errorsOf({ shape, packing }: Product, plan: MatmulPlan, component: MatrixComponent) {
  const { layout, M, N, K } = shape;
  const { rowA, rowB, rowC, offsetA, offsetB, offsetC } = windowOf(shape);
  const float = (values: ArrayLike<number>): Float32Array<ArrayBuffer> => Float32Array.from(values);
  const a = float(noise(offsetA + (layout === 'tn' ? K : M) * rowA, 1));
  const c = float(noise(offsetC + M * rowC, 3));
  const d = float(noise(c.length, 4));
  const rowsB = layout === 'nt' ? N : K;
  const loose = float(noise(offsetB + rowsB * rowB, 2));
  const packed = packing && pack(loose, packing);
  const b = packing && packed ? unpack(packed, packing, loose.length) : loose;
  const owned = [a, packed ?? b, c, d].map((values, i) => {
    const buffer = gpu.buffers.storage(`operand ${i}`, values.byteLength);
    gpu.device.queue.writeBuffer(gpu.buffers.memoryOf(buffer), 0, values);
    return buffer;
  });
  const tensors = owned.map(wholeOf);
  try {
    const program = await GpuProgram.record(gpu, 'product', [
      { ...plan, tensors: tensors.slice(0, shape.addend ? 4 : 3) },
    ]);
    submitWhole(gpu, [program]);
    const found = new Float32Array(await readBytes(gpu, tensors[2]), 0, c.length);
    program.destroy();
    const round = (values: Float32Array): Float32Array =>
      component === 'f16' ? halfToFloat32(float32ToHalf(values)) : values;
    const [rounded, exact] = [
      [round(a), round(b)],
      [a, b],
    ].map(([x, y]) => {
      const sums = Float64Array.from(c);
      matmulReference(shape, x, y, sums, d);
      return relativeError(found, sums);
    });
    return { rounded, exact };
  } finally {
    for (const buffer of owned) buffer.destroy();
  }
}

// 1, primes, and sides one less than, equal to and one more than those of blocks of 64 × 64 and 32 × 32; K also beside the
// part of it that workgroup memory holds.
const SHAPES = [
  [1, 1, 1],
  [31, 13, 17],
  [64, 64, 64],
  [65, 63, 33],
  [63, 129, 31],
  [68, 132, 36],
] as const;
// Smaller tiles than those of the product: emulated, theirs would compile for seconds.
const EMULATED = [
  { component: 'f32', sizes: { M: 8, N: 8, K: 8 }, ...{ side: 16, sx: 2, sy: 2 } },
  { component: 'f16', sizes: { M: 16, N: 8, K: 16 }, ...{ side: 16, sx: 2, sy: 1 } },
] as const;

/** Products of a layout in all forms: whole, of parts, with packed matrices. */
function productsOf(layout: MatmulLayout): Product[] {
  const added = { alpha: 0.5, addend: true, accumulate: true };
  const part = { ...plainProduct(layout, 65, 36, 33), ...added };
  const { rowA, rowB } = windowOf(part);
  const aligned = (row: number): number => Math.ceil(row / 4) * 4 + 4;
  const packedB = { packing: 'f16', elements: 68 * 36 } as const;
  return [
    ...SHAPES.map(([M, N, K]) => ({ shape: { ...plainProduct(layout, M, N, K), ...added } })),
    { shape: { ...part, window: { rowA: rowA + 3, offsetA: 5, rowB: rowB + 1, offsetB: 2, rowC: 41, offsetC: 3 } } },
    { shape: { ...part, window: { rowA: aligned(rowA), offsetA: 8, rowB: aligned(rowB), offsetB: 4, rowC: 40 } } },
    { shape: { ...plainProduct(layout, 68, 68, 36), packedB }, packing: 'f16' },
  ];
}

describe.each(['nt', 'nn', 'tn'] as const)('%s by subgroup matrices', (layout) => {
  // Rounding and packed matrices do not depend on the layout, so they are tested in one.
  const emulatedHere = EMULATED.filter(({ component }) => layout === 'nt' || component === 'f32');
  test.each(emulatedHere)('of $component and $sizes, in plain WGSL', async (sized) => {
    if (sized.component === 'f16' && !gpu.device.features.has('shader-f16')) {
      expect(gpu.tuning.subgroups?.matrices.f16 ?? []).toEqual([]);
      return; // there is no such kernel
    }
    const tile = { ...sized, lanes: LANES };
    for (const product of productsOf(layout)) {
      if (product.packing && layout !== 'nt') continue;
      const plan = planSubgroupMatrixMatmul(product.shape, tile);
      const { rounded } = await errorsOf(product, { ...plan, kernel: emulated(plan.kernel, tile) }, tile.component);
      expect(rounded, plan.kernel.name).toBeLessThan(F32);
    }
  });

  test.each(['matrix', 'matrix-half'] as const)('by %s, where the device has any', async (variant) => {
    const traits = gpu.tuning;
    const component = variant === 'matrix' ? 'f32' : 'f16';
    const both = (shape: MatmulShape): MatmulShape => ({ ...shape, halves: 'both' });
    const has = matricesFor(traits.subgroups, component, SIDE) !== undefined;
    expect(variantsOf(both(plainProduct(layout, 64, 64, 64)), traits).includes(variant)).toBe(has);
    for (const product of has ? productsOf(layout) : []) {
      const plan = planVariant(both(product.shape), variant, traits);
      const { rounded, exact } = await errorsOf(product, plan, component);
      expect(rounded, plan.kernel.name).toBeLessThan(F32);
      if (component === 'f16') expect(exact, `${plan.kernel.name} rounds`).toBeGreaterThan(F32);
    }
  });
});

describe('the kernels of a device with subgroup matrices', () => {
  const sizes = [{ M: 16, N: 8, K: 16 }];
  const subgroups = { lanes: 32, matrices: { f32: sizes, f16: sizes } };
  const all = { isSoftware: false, subgroups };
  const product = plainProduct('nt', 64, 64, 64);

  test('round operands only where both may be rounded', () => {
    expect(variantsOf(product, all)).toContain('matrix');
    expect(variantsOf(product, all)).not.toContain('matrix-half');
    expect(variantsOf({ ...product, halves: 'b' }, all)).not.toContain('matrix-half');
    expect(variantsOf({ ...product, halves: 'both' }, all)).toContain('matrix-half');
    const none = { ...all, subgroups: { ...subgroups, matrices: NO_MATRICES } };
    expect(variantsOf({ ...product, halves: 'both' }, none)).not.toContain('matrix-half');
  });

  test('use none whose sides do not fit into a block', () => {
    const odd = [{ M: 12, N: 8, K: 16 }, { M: 16, N: 8, K: 64 }, ...sizes];
    expect(matricesFor({ lanes: 32, matrices: { f32: odd, f16: odd } }, 'f16', SIDE)).toEqual(sizes[0]);
    expect(matricesFor({ lanes: 32, matrices: { f32: odd.slice(0, 2), f16: [] } }, 'f32', SIDE)).toBeUndefined();
    expect(matricesFor(undefined, 'f32', SIDE)).toBeUndefined();
  });
});
