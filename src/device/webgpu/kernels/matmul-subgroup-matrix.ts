import template from '../../../../shaders/matmul-subgroup-matrix.wgsl?raw';
import type { MatrixComponent, MatrixSizes, Subgroups } from '../subgroups.ts';
import { fillTemplate } from '../../template.ts';
import type { MatmulPlan } from './matmul.ts';
import { type MatmulShape, areInputsVec4Aligned } from '../../matmul-shape.ts';
import { productParams, productShader } from './product-shader.ts';

/** How a product is divided among subgroups, which multiply matrices of fixed sizes. */
export interface MatrixTile {
  /** Type of the operands' elements; `f16` rounds both. */
  readonly component: MatrixComponent;
  /** Sizes of the device's matrices. */
  readonly sizes: MatrixSizes;
  /** Threads of a subgroup. */
  readonly lanes: number;
  /** Rows and columns of C per subgroup: a multiple of the device's sizes. */
  readonly side: number;
  /** Subgroups of a workgroup in x (columns) and y (rows). */
  readonly sx: number;
  readonly sy: number;
}

// Bytes of each row or column of K in workgroup memory, and the gap between two of them, which avoids bank conflicts.
const HELD_BYTES = 64;
const APART_BYTES = 16;
const BYTES: Readonly<Record<MatrixComponent, number>> = { f32: 4, f16: 2 };

/** Sizes of the device's matrices of a component that a tile of a side can be made of, if there are any. */
export function matricesFor(
  subgroups: Subgroups | undefined,
  component: MatrixComponent,
  side: number,
): MatrixSizes | undefined {
  const fits = (rows: number): boolean => side % rows === 0 && rows % 4 === 0;
  const held = HELD_BYTES / BYTES[component];
  return subgroups?.matrices[component].find(({ M, N, K }) => fits(M) && fits(N) && held % K === 0);
}

/**
 * The kernel of a product by subgroup matrices. Bindings: A, B, C, then D. K is not split; B is as {@link canUnpackVec4}
 * requires.
 */
export function planSubgroupMatrixMatmul(
  shape: MatmulShape,
  { component, sizes, lanes, side, sx, sy }: MatrixTile,
): MatmulPlan {
  const { layout, M, N, batch, packedB } = shape;
  const [held, apart] = [HELD_BYTES / BYTES[component], APART_BYTES / BYTES[component]];
  const [blockM, blockN] = [side * sy, side * sx];
  const [linesA, widthA] = layout === 'tn' ? [held, blockM] : [blockM, held];
  const [linesB, widthB] = layout === 'nt' ? [blockN, held] : [held, blockN];
  const vec = areInputsVec4Aligned(shape);
  const filled = fillTemplate(template, {
    NT_LAYOUT: layout === 'nt',
    TN_LAYOUT: layout === 'tn',
    KEPT: component === 'f16' ? 'rounded' : 'vec4f',
    TYPE: component,
    LANES: lanes,
    SUBGROUPS: sx * sy,
    SX: sx,
    SM: sizes.M,
    SN: sizes.N,
    SK: sizes.K,
    TM: side / sizes.M,
    TN: side / sizes.N,
    BM: blockM,
    BN: blockN,
    BK: held,
    LINES_A: linesA,
    LINES_B: linesB,
    FOURS_A: widthA / 4,
    FOURS_B: widthB / 4,
    FOURS_C: side / 4,
    STRIDE_A: widthA + apart,
    STRIDE_B: widthB + apart,
  });
  const directives = [
    'enable subgroups',
    'enable chromium_experimental_subgroup_matrix',
    ...(component === 'f16' ? ['enable f16'] : []),
    // All threads of a subgroup take the same branch, since branches depend on its index alone.
    'diagnostic(off, chromium.subgroup_matrix_uniformity)',
  ];
  const form = `${vec ? '' : '-scalar'}${packedB ? `-${packedB.packing}` : ''}`;
  return {
    kernel: {
      name: `matmul/${layout}-matrices-${sizes.M}x${sizes.N}x${sizes.K}-${component}${form}`,
      wgsl: () => productShader(shape, { vec, halves: component === 'f16', directives }) + filled,
    },
    params: productParams(shape),
    workgroups: [Math.ceil(N / blockN), Math.ceil(M / blockM), batch],
  };
}
