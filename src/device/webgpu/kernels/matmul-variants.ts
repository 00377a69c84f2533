import fewRowsTemplate from '../../../../shaders/matmul-few-rows.wgsl?raw';
import tiledTemplate from '../../../../shaders/matmul-tiled.wgsl?raw';
import {
  areInputsVec4Aligned,
  canUnpackVec4,
  canUseVectors,
  type HalfOperands,
  type MatmulShape,
} from '../../matmul-shape.ts';
import { fillTemplate } from '../../template.ts';
import { chooseTile, type MatmulPlan, planMatmul, splitProduct, splitsOf } from './matmul.ts';
import { type AdapterTraits, productShader } from './product-shader.ts';

/** Maximum rows of a product, which one workgroup computes, so that each weight is read once. */
const MOST_ROWS = 16;
// With this K, half of the threads have work; parts of K are at least twice as long.
const LEAST_K = 256;

/** Whether a product has few rows and this kernel suits it. On a CPU its barriers cost more than it saves. */
const hasFewRows = (shape: MatmulShape, { isSoftware }: AdapterTraits): boolean =>
  !isSoftware && shape.layout === 'nt' && shape.M <= MOST_ROWS && shape.K >= LEAST_K && canUseVectors(shape);

/** The kernel of a product of few rows. Bindings: A, B, C (partial sums when split), then D. */
function planFewRows(shape: MatmulShape, traits: AdapterTraits): MatmulPlan {
  const { M, N, batch, packedB } = shape;
  // A thread has registers for 64 sums. Each block of columns reads all rows again, which are few.
  const tm = M <= 4 ? 4 : M <= 8 ? 8 : 16;
  const tn = M <= 8 ? 8 : 4;
  const values = (tm * tn) / 4;
  const share = 128 / values;
  const groups = [Math.ceil(N / tn), Math.ceil(M / tm)] as const;
  const splits = splitsOf(shape, traits, batch * groups[0] * groups[1], 2 * LEAST_K);
  const sizes = { TM: tm, TN: tn, TN4: tn / 4, V: values, V4: values / 4, SHARE: share, REST: 32 / share - 1 };
  const kernel = {
    name: `matmul/nt-few-${tm}x${tn}${packedB ? `-${packedB.packing}` : ''}`,
    wgsl: (sums: MatmulShape) => productShader(sums, { vec: true }) + fillTemplate(fewRowsTemplate, sizes),
  };
  return splitProduct(shape, kernel, groups, splits);
}

/** Rows and columns of C per workgroup. */
const SIDE = 64;

/**
 * The kernels of a product whose operands pass through workgroup memory. Bindings: A, B, C (partial sums if K is split),
 * then D.
 *
 * @param rows of C per thread.
 * @param halves operands that workgroup memory holds as 16-bit floats, which needs the feature `shader-f16`.
 */
function planTiledMatmul(shape: MatmulShape, rows: 4 | 8, traits: AdapterTraits, halves?: HalfOperands): MatmulPlan {
  const { layout, M, N, packedB } = shape;
  const vec = areInputsVec4Aligned(shape);
  const { splits } = chooseTile(shape, traits);
  const form = `${vec ? '' : '-scalar'}${packedB ? `-${packedB.packing}` : ''}`;
  const kernel = {
    name: `matmul/${layout}-${SIDE}x${SIDE}-tiled-${rows}x8${form}${halves ? `-half-${halves}` : ''}`,
    wgsl: (sums: MatmulShape) =>
      productShader(sums, { vec, halves: halves !== undefined }) +
      fillTemplate(tiledTemplate, {
        ...(halves === 'both' ? { TYPE_A: 'vec4h', KEEP_A: 'rounded' } : { TYPE_A: 'vec4f', KEEP_A: 'vec4f' }),
        ...(halves ? { TYPE_B: 'vec4h', KEEP_B: 'rounded' } : { TYPE_B: 'vec4f', KEEP_B: 'vec4f' }),
        NT_LAYOUT: layout === 'nt',
        TN_LAYOUT: layout === 'tn',
        TM: rows,
        TM4: rows / 4,
        WY: SIDE / rows,
      }),
  };
  return splitProduct(shape, kernel, [Math.ceil(N / SIDE), Math.ceil(M / SIDE)], splits);
}

/**
 * Kernels that compute the same product; those that compile sooner come first.
 *
 * - On software adapters: register tiles, of side 4 for products that matter, else of side 8. Measured on Mesa's, they
 *   were the fastest for 38 of 40 classes of products of a run, so nothing is measured there.
 * - On cards: register tiles of side 8, few rows, and blocks that need few registers or more.
 */
export const MATMUL_VARIANTS = ['register-4', 'register-8', 'few-rows', 'block-light', 'block', 'block-half'] as const;
export type MatmulVariant = (typeof MATMUL_VARIANTS)[number];
/** Variants that round operands to 16-bit floats. */
export const ROUNDING_VARIANTS: ReadonlySet<MatmulVariant> = new Set(['block-half']);

/** The kernel of a product until it has been measured: it compiles quickly, and is slow on no adapter. */
export function startVariant(shape: MatmulShape, traits: AdapterTraits): MatmulVariant {
  if (traits.isSoftware) return matters(shape) && shape.batch === 1 && shape.M >= LEAST.M ? 'register-4' : 'register-8';
  if (hasFewRows(shape, traits)) return 'few-rows';
  return fillsBlock(shape) ? 'block-light' : 'register-8';
}

/** Whether the product fills at least half a block. */
const fillsBlock = (shape: MatmulShape): boolean => shape.M >= 32 && shape.N >= 32 && canUnpackVec4(shape);

// Smaller products take too little time to measure. Adapters of rank 8 are large enough. M counts on a CPU only, and
// leaves out single tokens there.
const LEAST = { M: 16, N: 8, K: 8, work: 2 ** 17 };

const matters = ({ M, N, K, batch }: MatmulShape): boolean =>
  N >= LEAST.N && K >= LEAST.K && batch * M * N * K >= LEAST.work;

/** From this side on, a larger product does not change which kernel is the fastest. */
const LARGEST_SIDE = 2048;

/** The alignment of the rows of the operands, which decides how kernels may read them. */
function alignmentOf(shape: MatmulShape): string {
  if (!areInputsVec4Aligned(shape)) return '-odd';
  return canUseVectors(shape) ? '' : '-tail'; // aligned rows, but K is no multiple of four
}

/**
 * The class of a product. Products of a class use the same kernels, are of similar size and share one measurement.
 *
 * @returns undefined if the product is too small to matter, and on a software adapter, which has one kernel for each.
 */
export function shapeClassOf(shape: MatmulShape, traits: AdapterTraits): string | undefined {
  if (traits.isSoftware || !matters(shape)) return undefined;
  const { layout, M, N, K, batch, halves, packedB, window } = shape;
  const sizes = [...(batch > 1 ? [batch] : []), M, N, K].map((size) =>
    Math.min(LARGEST_SIDE, 2 ** Math.floor(Math.log2(size))),
  );
  const form = [
    ...[layout, alignmentOf(shape), packedB && `-${packedB.packing}`, window && '-part'],
    ...[chooseTile(shape, traits).splits > 1 && '-split', ` ${sizes.join('×')}`, halves && ` half ${halves}`],
  ];
  return form.filter(Boolean).join('');
}

/** The kernels that can compute a product and suit the adapter, {@link startVariant} first. */
export function variantsOf(shape: MatmulShape, traits: AdapterTraits): MatmulVariant[] {
  const start = startVariant(shape, traits);
  if (traits.isSoftware) return [start];
  const can: Record<MatmulVariant, boolean> = {
    'register-4': false,
    'register-8': true,
    'few-rows': hasFewRows(shape, traits),
    'block-light': fillsBlock(shape),
    block: fillsBlock(shape),
    'block-half': shape.halves !== undefined && canUnpackVec4(shape),
  };
  return [start, ...MATMUL_VARIANTS.filter((variant) => can[variant] && variant !== start)];
}

/** The kernels of a product by one variant. @throws Error if the adapter or the shape does not allow it. */
export function planVariant(shape: MatmulShape, variant: MatmulVariant, traits: AdapterTraits): MatmulPlan {
  const { halves } = shape;
  switch (variant) {
    case 'register-4':
      return planMatmul(shape, chooseTile(shape, traits, 4));
    case 'register-8':
      return planMatmul(shape, chooseTile(shape, traits, 8));
    case 'few-rows':
      return planFewRows(shape, traits);
    case 'block-light':
      return planTiledMatmul(shape, 4, traits);
    case 'block':
      return planTiledMatmul(shape, 8, traits);
    case 'block-half':
      if (halves === undefined) throw new Error(`${variant}: no operand may be rounded`);
      return planTiledMatmul(shape, 8, traits, halves);
  }
}

/** Floats of scratch memory that suffice for every variant of a product: for partial sums, 0 if no variant splits K. */
export function scratchOf(shape: MatmulShape, traits: AdapterTraits): number {
  const few = hasFewRows(shape, traits) ? planFewRows(shape, traits) : undefined;
  const plans = [planMatmul(shape, chooseTile(shape, traits)), few];
  return Math.max(...plans.map((plan) => plan?.reduce?.partialSize ?? 0));
}
