import template from '../../../../shaders/matmul-subgroup-matrix.wgsl?raw';
import type { MatrixComponent, MatrixSizes, Subgroups } from '../subgroups.ts';
import { fillTemplate } from '../../template.ts';
import type { MatmulPlan } from './matmul.ts';
import { type MatmulShape, areInputsVec4Aligned } from '../../matmul-shape.ts';
import { productParams, productShader } from './product-shader.ts';

/** How a product is cut up for subgroup matrices. */
export interface MatrixTile {
  /** What the operands are made of; `f16` rounds both. */
  readonly component: MatrixComponent;
  /** Of the device's matrices. */
  readonly sizes: MatrixSizes;
  /** Threads of a subgroup. */
  readonly lanes: number;
  /** Rows and columns of C per subgroup; a multiple of those of the device's matrices. */
  readonly side: number;
  /** Subgroups of a workgroup in x (columns) and y (rows). */
  readonly sx: number;
  readonly sy: number;
}

// What lies in workgroup memory of a row or column of K, and how much further apart than that lines are.
const HELD_BYTES = 64;
const APART_BYTES = 16;
const BYTES: Readonly<Record<MatrixComponent, number>> = { f32: 4, f16: 2 };

/** The device's matrices for operands of a kind that tiles of a side can be made of, if there are any. */
export function matricesFor(
  subgroups: Subgroups | undefined,
  component: MatrixComponent,
  side: number,
): MatrixSizes | undefined {
  const fits = (rows: number): boolean => side % rows === 0 && rows % 4 === 0;
  const held = HELD_BYTES / BYTES[component];
  return subgroups?.matrices[component].find(({ M, N, K }) => fits(M) && fits(N) && held % K === 0);
}

/** The kernel of a product by subgroup matrices. Bindings: A, B, C, then D. K is not split; B as in {@link canUnpackVec4}. */
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
    // What a subgroup does depends on which one it is, and on nothing else.
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
