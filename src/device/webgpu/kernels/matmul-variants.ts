import type { AdapterTraits } from '../adapter-traits.ts';
import { chooseTile, type MatmulPlan, planMatmul } from './matmul.ts';
import { canUnpackVec4, canUseVectors, type MatmulShape, areInputsVec4Aligned } from '../../matmul-shape.ts';
import { hasFewRows, planFewRows } from './matmul-few-rows.ts';
import { planTiledMatmul } from './matmul-tiled.ts';

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
