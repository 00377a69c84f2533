import template from '../../../../shaders/product.wgsl?raw';
import { f32, type Param, u32 } from '../../kernel.ts';
import { packedReader, valueWords } from '../../packing.ts';
import { fillTemplate } from '../../template.ts';
import { type MatmulShape, windowOf } from '../../matmul-shape.ts';

/** How a kernel reads and writes, and what it does to operands. */
interface ProductForm {
  /** Reads four floats at once. */
  readonly vec: boolean;
  /** Writes four floats at once. */
  readonly vecC?: boolean;
  /** Writes sums of parts of K. */
  readonly split?: boolean;
  /** Rounds operands to 16-bit floats. */
  readonly halves?: boolean;
  /** Features and diagnostics of WGSL, in their order. */
  readonly directives?: readonly string[];
}

/** The text that the kernels of a product begin with (`shaders/product.wgsl`), and the reader of a packed B. */
export function productShader(
  { addend, accumulate, packedB }: MatmulShape,
  { vec, vecC = false, split = false, halves = false, directives = [] }: ProductForm,
): string {
  const shared = fillTemplate(template, {
    PACKED: packedB !== undefined,
    VEC: vec,
    VEC_C: vecC,
    TYPE_C: vecC ? 'vec4f' : 'f32',
    SPLIT: split,
    HALVES: halves,
    ADDEND: addend && !split,
    ACCUMULATE: accumulate && !split,
  });
  const reader = packedB ? packedReader(packedB.packing, 2) : '';
  return [...directives.map((directive) => `${directive};\n`), reader, shared].join('');
}

/** What `Params` of these kernels holds. @param splits parts that K is cut into. */
export function productParams(shape: MatmulShape, splits = 1): Param[] {
  const { M, N, K, batchStrideA, batchStrideB, batchStrideC, batchStrideD, alpha, packedB } = shape;
  const { rowA, rowB, offsetA, offsetB, rowC, offsetC } = windowOf(shape);
  const scalesB = packedB ? valueWords(packedB.packing, packedB.elements) : 0;
  const strides = [batchStrideA, batchStrideB, batchStrideC, batchStrideD];
  const places = [rowA, rowB, offsetA, offsetB, rowC, offsetC, scalesB];
  return [...[M, N, K, splits, ...strides].map(u32), f32(alpha), ...places.map(u32)];
}
