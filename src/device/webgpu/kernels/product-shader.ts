import template from '../../../../shaders/product.wgsl?raw';
import { f32, type Param, u32 } from '../../kernel.ts';
import { type MatmulShape, windowOf } from '../../matmul-shape.ts';
import { packedReader, valueWords } from '../../packing.ts';
import { fillTemplate } from '../../template.ts';

/** The traits of an adapter that decide which kernels suit its products. */
export interface AdapterTraits {
  /** Whether it computes on the CPU: a few workgroups then occupy every core, and barriers are expensive. */
  readonly isSoftware: boolean;
}

export const SOFTWARE: AdapterTraits = { isSoftware: true };

/** How a kernel reads operands, and what it does to them. */
interface ProductForm {
  /** Reads four floats at once. */
  readonly vec: boolean;
  /** Rounds operands to 16-bit floats. */
  readonly halves?: boolean;
}

/** The text that the kernels of a product begin with (`shaders/product.wgsl`), and the reader of a packed B. */
export function productShader(
  { addend, accumulate, packedB }: MatmulShape,
  { vec, halves = false }: ProductForm,
): string {
  const shared = fillTemplate(template, {
    PACKED: packedB !== undefined,
    VEC: vec,
    TYPE: vec ? 'vec4f' : 'f32',
    UNPACKED: vec ? 'unpacked(i, p.scalesB)' : 'unpacked(i / 4u, p.scalesB)[i % 4u]',
    HALVES: halves,
    ADDEND: addend,
    ACCUMULATE: accumulate,
  });
  const reader = packedB ? packedReader(packedB.packing, 2) : '';
  return [halves && 'enable f16;\n', reader, shared].filter(Boolean).join('');
}

/** Returns the `Params` of these kernels. @param splits parts that K is cut into. */
export function productParams(shape: MatmulShape, splits = 1): Param[] {
  const { M, N, K, batchStrideA, batchStrideB, batchStrideC, batchStrideD, alpha, packedB } = shape;
  const { rowA, rowB, offsetA, offsetB, rowC, offsetC } = windowOf(shape);
  const scalesB = packedB ? valueWords(packedB.packing, packedB.elements) : 0;
  const strides = [batchStrideA, batchStrideB, batchStrideC, batchStrideD];
  const places = [rowA, rowB, offsetA, offsetB, rowC, offsetC, scalesB];
  return [...[M, N, K, splits, ...strides].map(u32), f32(alpha), ...places.map(u32)];
}
