import template from '../../../../shaders/matmul-tiled.wgsl?raw';
import { fillTemplate } from '../../template.ts';
import type { MatmulPlan } from './matmul.ts';
import { canUseVectors, type HalfOperands, type MatmulShape } from '../../matmul-shape.ts';
import { productParams, productShader } from './product-shader.ts';

/** How a product is cut up when its operands pass through workgroup memory. */
export interface BlockTile {
  /** Rows and columns of C per thread; multiples of 4. */
  readonly tm: number;
  readonly tn: number;
  /** Threads of a workgroup in x (columns) and y (rows). */
  readonly wx: number;
  readonly wy: number;
  /** Steps of K that are held at once, over 4. */
  readonly bk4: number;
}

/**
 * The kernel of a product through workgroup memory. Bindings: A, B, C, then D. K is not split.
 *
 * @param halves operands that lie there as 16-bit floats, which asks for the feature `shader-f16`.
 */
export function planTiledMatmul(
  shape: MatmulShape,
  { tm, tn, wx, wy, bk4 }: BlockTile,
  halves?: HalfOperands,
): MatmulPlan {
  const { layout, M, N, batch } = shape;
  const vec = canUseVectors(shape);
  const [bm, bn, threads] = [tm * wy, tn * wx, wx * wy];
  return {
    kernel: {
      name: `matmul/${layout}-${bm}x${bn}-tiled-${tm}x${tn}${vec ? '' : '-scalar'}${halves ? `-half-${halves}` : ''}`,
      wgsl: () =>
        productShader(shape, { halves: halves !== undefined, directives: halves ? ['enable f16'] : [] }) +
        fillTemplate(template, {
          VEC: vec,
          TYPE_A: halves === 'both' ? 'vec4h' : 'vec4f',
          TYPE_B: halves ? 'vec4h' : 'vec4f',
          KEEP_A: halves === 'both' ? 'rounded' : 'vec4f',
          KEEP_B: halves ? 'rounded' : 'vec4f',
          NT_LAYOUT: layout === 'nt',
          TN_LAYOUT: layout === 'tn',
          TM: tm,
          TN: tn,
          TM4: tm / 4,
          TN4: tn / 4,
          WX: wx,
          WY: wy,
          BM: bm,
          BN: bn,
          BM4: bm / 4,
          BN4: bn / 4,
          BK4: bk4,
          LOADS_A: (bm * bk4) / threads,
          LOADS_B: (bn * bk4) / threads,
        }),
    },
    params: productParams(shape),
    workgroups: [Math.ceil(N / bn), Math.ceil(M / bm), batch],
  };
}
