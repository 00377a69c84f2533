import template from '../../../../shaders/matmul-subgroup.wgsl?raw';
import { fillTemplate } from '../../template.ts';
import type { MatmulPlan } from './matmul.ts';
import { type MatmulShape, areInputsVec4Aligned, windowOf } from '../../matmul-shape.ts';
import { productParams, productShader } from './product-shader.ts';

/** How a product is divided among subgroups. */
export interface SubgroupTile {
  /** Threads of a subgroup. */
  readonly lanes: number;
  /** Rows of C per workgroup; a multiple of 4. */
  readonly tm: number;
  /** Groups of four columns of C per lane. */
  readonly tg: number;
}

/** Whether C, and what is added to it, can be accessed four floats at once. */
export function isOutputVec4Aligned(shape: MatmulShape): boolean {
  const { rowC, offsetC } = windowOf(shape);
  return [shape.N, rowC, offsetC, shape.batchStrideC, shape.batchStrideD].every((size) => size % 4 === 0);
}

/** The kernel of a product by subgroups. Bindings: A, B, C, then D. K is not split. */
export function planSubgroupMatmul(shape: MatmulShape, { lanes, tm, tg }: SubgroupTile): MatmulPlan {
  const { layout, M, N, K, batch, packedB } = shape;
  const rowsPerLane = layout === 'tn' ? 4 : 1;
  const loads = Math.ceil(tm / (lanes * rowsPerLane));
  const vec = areInputsVec4Aligned(shape);
  const vecC = isOutputVec4Aligned(shape);
  const tail = K % 4 !== 0;
  const filled = fillTemplate(template, {
    ...{ NT_LAYOUT: layout === 'nt', TN_LAYOUT: layout === 'tn', VEC: vec, VEC_C: vecC, TAIL: tail },
    ...{ BROADCAST: lanes === 4 ? 'quadBroadcast' : 'subgroupBroadcast', LANES: lanes, TM: tm, TG: tg },
    ...{ LOADS: loads, LENT: tm / rowsPerLane / loads }, // LENT: lanes whose loads are used
  });
  const form = `${vec ? '' : '-scalar'}${vecC ? '' : '-ragged'}${tail ? '-tail' : ''}${packedB ? `-${packedB.packing}` : ''}`;
  return {
    kernel: {
      name: `matmul/${layout}-subgroup-${tm}x${4 * tg}${form}`,
      wgsl: () => productShader(shape, { vec, vecC, subgroups: true }) + filled,
    },
    params: productParams(shape),
    workgroups: [Math.ceil(N / (4 * tg * lanes)), Math.ceil(M / tm), batch],
  };
}
