import type { AdapterTraits } from '../adapter-traits.ts';
import type { MatrixComponent, Subgroups } from '../subgroups.ts';
import { chooseTile, type MatmulPlan, planMatmul, type Scratch } from './matmul.ts';
import {
  canUnpackVec4,
  canUseVectors,
  type HalfOperands,
  type MatmulShape,
  areInputsVec4Aligned,
} from '../../matmul-shape.ts';
import { isOutputVec4Aligned, planSubgroupMatmul, type SubgroupTile } from './matmul-subgroup.ts';
import { hasFewRows, planFewRows } from './matmul-few-rows.ts';
import { matricesFor, type MatrixTile, planSubgroupMatrixMatmul } from './matmul-subgroup-matrix.ts';
import { type BlockTile, planTiledMatmul } from './matmul-tiled.ts';
import { paddedOperands, paddedProduct, paddedSize, planPadding } from './pad-rows.ts';

/**
 * Kernels of a large product that compute the same, in the order of how long they take to compile: register tiles of
 * side 4 and 8 (`shaders/matmul.wgsl`), for few rows one that reads B once (`shaders/matmul-few-rows.wgsl`), operands
 * handed from lane to lane (`shaders/matmul-subgroup.wgsl`), the same behind a copy into padded rows (`shaders/pad-rows.wgsl`), the device's own matrix products
 * (`shaders/matmul-subgroup-matrix.wgsl`), and blocks in workgroup memory (`shaders/matmul-tiled.wgsl`), the last two of f32
 * or with operands rounded to 16-bit floats.
 */
export const MATMUL_VARIANTS = [
  ...(['register-4', 'register-8', 'few-rows'] as const),
  ...(['subgroup-wide', 'subgroup-tall', 'padded-wide', 'padded-tall'] as const),
  ...(['matrix', 'matrix-half', 'block', 'block-half'] as const),
] as const;
export type MatmulVariant = (typeof MATMUL_VARIANTS)[number];
/** Compiles quickly and runs everywhere: what is used before anything has been measured. */
export const SAFE_VARIANT: MatmulVariant = 'register-4';
/** Those that round operands to 16-bit floats. */
export const ROUNDING_VARIANTS: ReadonlySet<MatmulVariant> = new Set(['matrix-half', 'block-half']);
/** Computes products that belong to no class. */
export const onlyVariant = (shape: MatmulShape, traits: AdapterTraits): MatmulVariant =>
  hasFewRows(shape, traits) ? 'few-rows' : 'register-8';

/** Whether the operands are whole matrices of f32, which is all that the kernel with blocks reads. */
export const isWhole = ({ window, packedB }: MatmulShape): boolean => window === undefined && packedB === undefined;

/** Operands that some kernel makes use of being allowed to be rounded: of parts of matrices both or none. */
const usableHalves = (shape: MatmulShape): HalfOperands | undefined =>
  isWhole(shape) || shape.halves === 'both' ? shape.halves : undefined;

/** Whether rows of whole operands are to be padded before they can be read four floats at once. */
const canPad = (shape: MatmulShape): boolean => isWhole(shape) && shape.batch === 1 && !areInputsVec4Aligned(shape);

/** Products that matter: those of adapters of rank 8 are among them, those of a single token are not. */
const LEAST = { M: 16, N: 8, K: 8, work: 2 ** 17 };

/** Largest power of two up to a size, at most 256: beyond, the kernels' order does not change any more. */
const sizeClass = (size: number): number => Math.min(256, 2 ** Math.floor(Math.log2(size)));

/** How the rows of the operands and of C lie, as far as kernels differ by it. */
function alignmentOf(shape: MatmulShape): string {
  if (!areInputsVec4Aligned(shape)) return '-odd';
  if (!canUseVectors(shape)) return '-tail'; // rows do, K is no multiple of four
  return isOutputVec4Aligned(shape) ? '' : '-ragged';
}

/**
 * The class of products that share one measurement: same layout, alignment, size class, split of K (by kernels that
 * can) and operands that may be rounded.
 *
 * @returns undefined for products too small to matter, for few rows and for stacks.
 */
export function shapeClass(shape: MatmulShape, traits: AdapterTraits): string | undefined {
  const { layout, M, N, K, batch } = shape;
  if (batch > 1 || M < LEAST.M || N < LEAST.N || K < LEAST.K || M * N * K < LEAST.work) return undefined;
  const alignment = alignmentOf(shape);
  const rounded = usableHalves(shape);
  const halves = rounded ? ` half ${rounded}` : '';
  const form = `${alignment}${isWhole(shape) ? '' : '-part'}${chooseTile(shape, traits).splits > 1 ? '-split' : ''}`;
  return `${layout}${form} ${[M, N, K].map(sizeClass).join('×')}${halves}`;
}

/** The kernels that can compute a product of a class, {@link SAFE_VARIANT} first. */
export function variantsOf(shape: MatmulShape, traits: AdapterTraits): MatmulVariant[] {
  const { subgroups } = traits;
  const multiplies = (component: MatrixComponent): boolean =>
    canUnpackVec4(shape) && matricesFor(subgroups, component, MATRIX_TILE.side) !== undefined;
  const can: Record<MatmulVariant, boolean> = {
    'register-4': true,
    'register-8': true,
    'few-rows': hasFewRows(shape, traits),
    'subgroup-wide': subgroups !== undefined && canUnpackVec4(shape),
    'subgroup-tall': subgroups !== undefined && canUnpackVec4(shape),
    'padded-wide': subgroups !== undefined && canPad(shape),
    'padded-tall': subgroups !== undefined && canPad(shape),
    matrix: multiplies('f32'),
    'matrix-half': shape.halves === 'both' && multiplies('f16'),
    block: isWhole(shape),
    'block-half': shape.halves !== undefined && isWhole(shape),
  };
  return MATMUL_VARIANTS.filter((variant) => can[variant]);
}

/** The kernel of a product by a variant. */
export function planVariant(shape: MatmulShape, variant: MatmulVariant, traits: AdapterTraits): MatmulPlan {
  const { subgroups } = traits;
  switch (variant) {
    case 'register-4':
      return planMatmul(shape, chooseTile(shape, traits, 4));
    case 'register-8':
      return planMatmul(shape, chooseTile(shape, traits, 8));
    case 'few-rows':
      return planFewRows(shape, traits);
    case 'block':
      return planTiledMatmul(shape, BLOCK);
    case 'block-half':
      if (shape.halves === undefined) throw new Error('block-half: no operand may be rounded');
      return planTiledMatmul(shape, BLOCK, shape.halves);
    case 'subgroup-wide':
    case 'subgroup-tall':
    case 'padded-wide':
    case 'padded-tall':
      if (subgroups === undefined) throw new Error(`${variant}: the size of subgroups is not known`);
      return planSubgroups(shape, variant, subgroups.lanes);
    case 'matrix':
      return planMatrices(shape, 'f32', subgroups);
    case 'matrix-half':
      if (shape.halves !== 'both') throw new Error('matrix-half: not both operands may be rounded');
      return planMatrices(shape, 'f16', subgroups);
  }
}

/** Floats that any kernel of a product may need for what lies between them. */
export function scratchOf(shape: MatmulShape, traits: AdapterTraits): Scratch<number> {
  const { a, b } = shapeClass(shape, traits) !== undefined && canPad(shape) ? paddedOperands(shape) : {};
  const few = hasFewRows(shape, traits) ? planFewRows(shape, traits) : undefined;
  const partial = [planMatmul(shape, chooseTile(shape, traits)), few].map((plan) => plan?.reduce?.partialSize ?? 0);
  return {
    partial: Math.max(...partial) || undefined,
    ...(a && { a: paddedSize(a) }),
    ...(b && { b: paddedSize(b) }),
  };
}

const BLOCK: BlockTile = { tm: 8, tn: 16, wx: 8, wy: 8, bk4: 2 };

const MATRIX_TILE: Pick<MatrixTile, 'side' | 'sx' | 'sy'> = { side: 32, sx: 2, sy: 2 };

/** Tall: few columns per lane, as suits wide subgroups; wide: more of them for the narrow ones. */
const SUBGROUP_TILE: Readonly<Record<'tall' | 'wide', Omit<SubgroupTile, 'lanes'>>> = {
  tall: { tm: 32, tg: 1 },
  wide: { tm: 16, tg: 2 },
};

function planSubgroups(
  shape: MatmulShape,
  variant: `${'subgroup' | 'padded'}-${'tall' | 'wide'}`,
  lanes: number,
): MatmulPlan {
  const tile = { lanes, ...SUBGROUP_TILE[variant.endsWith('tall') ? 'tall' : 'wide'] };
  if (variant.startsWith('subgroup')) return planSubgroupMatmul(shape, tile);
  const { a, b } = paddedOperands(shape);
  const padding = { ...(a && { a: planPadding(a) }), ...(b && { b: planPadding(b) }) };
  return { ...planSubgroupMatmul(paddedProduct(shape), tile), padding };
}

function planMatrices(shape: MatmulShape, component: MatrixComponent, subgroups: Subgroups | undefined): MatmulPlan {
  const sizes = matricesFor(subgroups, component, MATRIX_TILE.side);
  if (subgroups === undefined || sizes === undefined) throw new Error(`the device has no matrices of ${component}`);
  return planSubgroupMatrixMatmul(shape, { component, sizes, lanes: subgroups.lanes, ...MATRIX_TILE });
}
