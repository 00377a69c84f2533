import template from '../../../../shaders/matmul-tiled.wgsl?raw';
import { fillTemplate } from '../../template.ts';
import type { AdapterTraits } from '../adapter-traits.ts';
import { chooseTile, type MatmulPlan, splitProduct } from './matmul.ts';
import { areInputsVec4Aligned, type HalfOperands, type MatmulShape } from '../../matmul-shape.ts';
import { productShader } from './product-shader.ts';

/** Rows and columns of C per workgroup. */
const SIDE = 64;

/**
 * The kernels of a product whose operands pass through workgroup memory. Bindings: A, B, C (partial sums if K is split),
 * then D.
 *
 * @param rows of C per thread.
 * @param halves operands that workgroup memory holds as 16-bit floats, which needs the feature `shader-f16`.
 */
export function planTiledMatmul(
  shape: MatmulShape,
  rows: 4 | 8,
  traits: AdapterTraits,
  halves?: HalfOperands,
): MatmulPlan {
  const { layout, M, N, packedB } = shape;
  const vec = areInputsVec4Aligned(shape);
  const { splits } = chooseTile(shape, traits);
  const form = `${vec ? '' : '-scalar'}${packedB ? `-${packedB.packing}` : ''}`;
  const kernel = {
    name: `matmul/${layout}-${SIDE}x${SIDE}-tiled-${rows}x8${form}${halves ? `-half-${halves}` : ''}`,
    wgsl: (sums: MatmulShape) =>
      productShader(sums, { vec, halves: halves !== undefined }) +
      fillTemplate(template, {
        ...(halves === 'both' ? { TYPE_A: 'vec4h', KEEP_A: 'rounded' } : { TYPE_A: 'vec4f', KEEP_A: 'vec4f' }),
        ...(halves ? { TYPE_B: 'vec4h', KEEP_B: 'rounded' } : { TYPE_B: 'vec4f', KEEP_B: 'vec4f' }),
        ...{ NT_LAYOUT: layout === 'nt', TN_LAYOUT: layout === 'tn', TM: rows, TM4: rows / 4, WY: SIDE / rows },
      }),
  };
  return splitProduct(shape, kernel, [Math.ceil(N / SIDE), Math.ceil(M / SIDE)], splits);
}
