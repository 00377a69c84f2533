import template from '../../../shaders/matmul-subgroup.wgsl?raw';
import { f32, u32 } from '../kernel.ts';
import { packedReader, valueWords } from '../packing.ts';
import { fillTemplate } from '../template.ts';
import { canUseVectors, type MatmulPlan, type MatmulShape, windowOf } from './matmul.ts';

/** How a product is cut up for subgroups. */
export interface SubgroupTile {
  /** Threads of a subgroup. */
  readonly lanes: number;
  /** Rows of C per workgroup; a multiple of 4. */
  readonly tm: number;
  /** Groups of four columns of C per lane. */
  readonly tg: number;
}

/** Whether rows of C, too, start at multiples of four floats: then the kernel reads and writes four at once. */
export function isAligned(shape: MatmulShape): boolean {
  const { rowC, offsetC } = windowOf(shape);
  const sides = [shape.N, rowC, offsetC, shape.batchStrideC, shape.batchStrideD];
  return canUseVectors(shape) && sides.every((size) => size % 4 === 0);
}

/** Whether this kernel computes a product: a packed operand is read in groups of four only. */
export const canUseSubgroups = (shape: MatmulShape): boolean => shape.packedB === undefined || isAligned(shape);

/** The kernel of a product by subgroups. Bindings: A, B, C, then D. K is not split. */
export function planSubgroupMatmul(shape: MatmulShape, { lanes, tm, tg }: SubgroupTile): MatmulPlan {
  const { layout, M, N, K, batch, addend, accumulate, packedB } = shape;
  const { rowA, offsetA, offsetB, rowC, offsetC } = windowOf(shape);
  const rowsPerLane = layout === 'tn' ? 4 : 1;
  const loads = Math.ceil(tm / (lanes * rowsPerLane));
  const vec = isAligned(shape);
  const tail = K % 4 !== 0;
  const filled = fillTemplate(template, {
    NT_LAYOUT: layout === 'nt',
    TN_LAYOUT: layout === 'tn',
    PACKED: packedB !== undefined,
    VEC: vec,
    TAIL: tail,
    BROADCAST: lanes === 4 ? 'quadBroadcast' : 'subgroupBroadcast',
    LANES: lanes,
    TM: tm,
    TG: tg,
    LOADS: loads,
    LENT: tm / rowsPerLane / loads, // lanes whose loads are used
    ADDEND: addend,
    ACCUMULATE: accumulate,
  });
  const strides = [shape.batchStrideA, shape.batchStrideB, shape.batchStrideC, shape.batchStrideD].map(u32);
  const scalesB = packedB ? valueWords(packedB.packing, packedB.elements) : 0;
  const places = [rowA, offsetA, offsetB, rowC, offsetC, scalesB].map(u32);
  const form = `${vec ? '' : '-scalar'}${tail ? '-tail' : ''}${packedB ? `-${packedB.packing}` : ''}`;
  return {
    kernel: {
      name: `matmul/${layout}-subgroup-${tm}x${4 * tg}${form}`,
      wgsl: `enable subgroups;\n${packedB ? packedReader(packedB.packing, 2) : ''}${filled}`,
    },
    params: [u32(M), u32(N), u32(K), u32(1), ...strides, f32(shape.alpha), ...places],
    workgroups: [Math.ceil(N / (4 * tg * lanes)), Math.ceil(M / tm), batch],
  };
}
