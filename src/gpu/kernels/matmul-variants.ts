import { canUseVectors, chooseTile, type MatmulPlan, type MatmulShape, planMatmul } from './matmul.ts';
import { planTiledMatmul } from './matmul-tiled.ts';

/**
 * Kernels of a large product that compute the same, in the order of how long they take to compile: register tiles of
 * side 8 and 16 (`shaders/matmul.wgsl`), and blocks in workgroup memory (`shaders/matmul-tiled.wgsl`).
 */
export const MATMUL_VARIANTS = ['register-8', 'block', 'register-16'] as const;
export type MatmulVariant = (typeof MATMUL_VARIANTS)[number];

/** Compiles quickly and runs everywhere: what is used before anything has been measured. */
export const SAFE_VARIANT: MatmulVariant = 'register-8';

/** Whether the operands are whole matrices of f32, which is all that the kernel with blocks reads. */
const isWhole = ({ window, packedB }: MatmulShape): boolean => window === undefined && packedB === undefined;

/** Largest power of two up to a size, at most 256: beyond, the kernels' order does not change any more. */
const sizeClass = (size: number): number => Math.min(256, 2 ** Math.floor(Math.log2(size)));

/**
 * Products that one measurement speaks for: those of a layout, of the same alignment and of like sizes.
 *
 * @returns undefined for products too small to matter, and for those that only one kernel computes.
 */
export function shapeClass(shape: MatmulShape): string | undefined {
  const { layout, M, N, K, batch } = shape;
  if (batch > 1 || M < 64 || N < 32 || K < 32 || chooseTile(shape).splits > 1) return undefined;
  const form = `${layout}${canUseVectors(shape) ? '' : '-odd'}${isWhole(shape) ? '' : '-part'}`;
  return `${form} ${[M, N, K].map(sizeClass).join('×')}`;
}

/** The kernels that can compute a product of a class, {@link SAFE_VARIANT} first. */
export function variantsOf(shape: MatmulShape): MatmulVariant[] {
  const hasLargeTile = chooseTile(shape, 16).tm === 16;
  return MATMUL_VARIANTS.filter((variant) =>
    variant === 'block' ? isWhole(shape) : variant !== 'register-16' || hasLargeTile,
  );
}

/** The kernel of a product by a variant. */
export function planVariant(shape: MatmulShape, variant: MatmulVariant): MatmulPlan {
  if (variant === 'block') return planTiledMatmul(shape, { tm: 8, tn: 16, wx: 8, wy: 8, bk4: 2 });
  return planMatmul(shape, chooseTile(shape, variant === 'register-16' ? 16 : 8));
}
