import type { Packing } from './packing.ts';

/** How the operands are stored: see `shaders/matmul.wgsl`. */
export type MatmulLayout = 'nt' | 'nn' | 'tn';

/** Operands of a product that may be rounded to 16-bit floats: never gradients, which underflow there. */
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
  /** Set where the operands are parts of larger matrices. */
  readonly window?: MatmulWindow;
  /** Set where B is packed: how, and the elements of all of it. */
  readonly packedB?: { readonly packing: Packing; readonly elements: number };
  /** Set where a kernel may round operands to 16-bit floats. */
  readonly halves?: HalfOperands;
}

/** Floating point operations of a product. */
export const productOperations = ({ batch, M, N, K }: MatmulShape): number => 2 * batch * M * N * K;

/** The product of two whole matrices, with nothing added. */
export const plainProduct = (layout: MatmulLayout, M: number, N: number, K: number): MatmulShape => ({
  ...{ layout, M, N, K, alpha: 1, addend: false, accumulate: false },
  ...{ batch: 1, batchStrideA: 0, batchStrideB: 0, batchStrideC: 0, batchStrideD: 0 },
});

/** Where operands lie in larger matrices, in elements; what is left out is as if they were whole. */
export interface MatmulWindow {
  /** From one stored row of A to the next, and the first. */
  readonly rowA?: number;
  readonly offsetA?: number;
  /** The same of B. */
  readonly rowB?: number;
  readonly offsetB?: number;
  /** The same of C and D. */
  readonly rowC?: number;
  readonly offsetC?: number;
}

/** Where the operands of a product lie, whole or not. */
export function windowOf({ layout, M, N, K, window = {} }: MatmulShape): Required<MatmulWindow> {
  const [rowA, rowB] = [layout === 'tn' ? M : K, layout === 'nt' ? K : N];
  return { rowA, rowB, offsetA: 0, offsetB: 0, rowC: N, offsetC: 0, ...window };
}

/** Whether every row that is read starts at a multiple of four floats. */
export function areInputsVec4Aligned(shape: MatmulShape): boolean {
  const { rowA, rowB, offsetA, offsetB } = windowOf(shape);
  return [rowA, rowB, offsetA, offsetB, shape.batchStrideA, shape.batchStrideB].every((size) => size % 4 === 0);
}

/** Whether all that is read can be read four floats at once. */
export const canUseVectors = (shape: MatmulShape): boolean =>
  areInputsVec4Aligned(shape) && (shape.layout === 'tn' || shape.K % 4 === 0);

/** Whether B can be read by kernels that read a packed one in groups of four only. */
export const canUnpackVec4 = (shape: MatmulShape): boolean =>
  shape.packedB === undefined || areInputsVec4Aligned(shape);
