import type { Packing } from './packing.ts';

/** Storage layout of the operands: see `shaders/matmul.wgsl`. */
export type MatmulLayout = 'nt' | 'nn' | 'tn';

/** Operands of a product that may be rounded to 16-bit floats: never gradients, which would underflow. */
export type HalfOperands = 'both' | 'b';

/** A product C [batch, M, N] = alpha op(A) op(B) (+ D) (+ C). Batch strides are in elements; 0 shares an operand. */
export interface MatmulShape {
  readonly layout: MatmulLayout;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly batch: number;
  readonly batchStrideA: number;
  readonly batchStrideB: number;
  readonly batchStrideC: number;
  readonly batchStrideD: number;
  readonly alpha: number;
  readonly addend: boolean;
  readonly accumulate: boolean;
  /** Set if the operands are parts of larger matrices. */
  readonly window?: MatmulWindow;
  /** Set if B is packed: how, and its total number of elements. */
  readonly packedB?: { readonly packing: Packing; readonly elements: number } | undefined;
  /** Set if a kernel may round operands to 16-bit floats. */
  readonly halves?: HalfOperands | undefined;
}

/** Floating point operations of a product. */
export const productOperations = ({ batch, M, N, K }: MatmulShape): number => 2 * batch * M * N * K;

/** The product of two whole matrices without an addend. */
export const plainProduct = (layout: MatmulLayout, M: number, N: number, K: number): MatmulShape => ({
  layout,
  M,
  N,
  K,
  batch: 1,
  batchStrideA: 0,
  batchStrideB: 0,
  batchStrideC: 0,
  batchStrideD: 0,
  alpha: 1,
  addend: false,
  accumulate: false,
});

/** The position of operands in larger matrices, in elements. Defaults to whole matrices. */
interface MatmulWindow {
  /** Distance between stored rows of A, and the start of the first. */
  readonly rowA?: number;
  readonly offsetA?: number;
  /** Distance between stored rows of B, and the start of the first. */
  readonly rowB?: number;
  readonly offsetB?: number;
  /** Distance between stored rows of C and of D, and the start of the first. */
  readonly rowC?: number;
  readonly offsetC?: number;
}

/** The position of a product's operands, whole or not. */
export function windowOf({ layout, M, N, K, window = {} }: MatmulShape): Required<MatmulWindow> {
  const { rowA = layout === 'tn' ? M : K, rowB = layout === 'nt' ? K : N, rowC = N } = window;
  const { offsetA = 0, offsetB = 0, offsetC = 0 } = window;
  return { rowA, offsetA, rowB, offsetB, rowC, offsetC };
}

/** Whether every input row starts at a multiple of four floats. */
export function areInputsVec4Aligned(shape: MatmulShape): boolean {
  const { rowA, rowB, offsetA, offsetB } = windowOf(shape);
  return [rowA, rowB, offsetA, offsetB, shape.batchStrideA, shape.batchStrideB].every((size) => size % 4 === 0);
}

/** Whether all inputs can be read four floats at a time. */
export const canUseVectors = (shape: MatmulShape): boolean =>
  areInputsVec4Aligned(shape) && (shape.layout === 'tn' || shape.K % 4 === 0);

/** Whether kernels that read packed values only in groups of four can read B. */
export const canUnpackVec4 = (shape: MatmulShape): boolean =>
  shape.packedB === undefined || areInputsVec4Aligned(shape);

/** The plain reference of every matmul kernel. Arrays hold whole tensors; batch strides give the offsets. */
export function matmulReference(
  shape: MatmulShape,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  c: Float64Array,
  d?: ArrayLike<number>,
): void {
  const { layout, M, N, K, batch } = shape;
  const { rowA, rowB, offsetA, offsetB, rowC, offsetC } = windowOf(shape);
  for (let z = 0; z < batch; z++) {
    const a0 = offsetA + z * shape.batchStrideA;
    const b0 = offsetB + z * shape.batchStrideB;
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        let sum = 0;
        for (let k = 0; k < K; k++) {
          const x = layout === 'tn' ? a[a0 + k * rowA + m] : a[a0 + m * rowA + k];
          const y = layout === 'nt' ? b[b0 + n * rowB + k] : b[b0 + k * rowB + n];
          sum += x * y;
        }
        const place = offsetC + m * rowC + n;
        const at = z * shape.batchStrideC + place;
        const before = shape.accumulate ? c[at] : 0;
        c[at] = before + shape.alpha * sum + (shape.addend && d ? d[z * shape.batchStrideD + place] : 0);
      }
    }
  }
}
