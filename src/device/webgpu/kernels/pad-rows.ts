import template from '../../../../shaders/pad-rows.wgsl?raw';
import { flatWorkgroups, type KernelPlan, u32 } from '../../kernel.ts';
import type { MatmulShape } from '../../matmul-shape.ts';

/** The sides of a row-major matrix, and those of its copy, which is padded with zeros. */
interface PaddedMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly paddedRows: number;
  /** A multiple of 4. */
  readonly paddedColumns: number;
}

/** Operands of a product of whole matrices that must be copied before they can be read four floats at once. */
interface PaddedOperands {
  readonly a?: PaddedMatrix;
  readonly b?: PaddedMatrix;
}

const toFours = (size: number): number => Math.ceil(size / 4) * 4;

/** The operands whose row length is no multiple of four. If both are copied, K is padded to a multiple of four too. */
export function paddedOperands({ layout, M, N, K }: MatmulShape): PaddedOperands {
  const a = layout === 'tn' ? { rows: K, columns: M } : { rows: M, columns: K };
  const b = layout === 'nt' ? { rows: N, columns: K } : { rows: K, columns: N };
  const [padsA, padsB] = [a.columns % 4 !== 0, b.columns % 4 !== 0];
  const padded = ({ rows, columns }: typeof a, rowsAreK: boolean): PaddedMatrix => {
    const paddedRows = rowsAreK && padsA && padsB ? toFours(rows) : rows;
    return { rows, columns, paddedRows, paddedColumns: toFours(columns) };
  };
  return { ...(padsA && { a: padded(a, layout === 'tn') }), ...(padsB && { b: padded(b, layout !== 'nt') }) };
}

/** The same product, of the padded copies. */
export function paddedProduct(shape: MatmulShape): MatmulShape {
  const { a, b } = paddedOperands(shape);
  const window = { ...(a && { rowA: a.paddedColumns }), ...(b && { rowB: b.paddedColumns }) };
  return { ...shape, K: a && b ? toFours(shape.K) : shape.K, window };
}

/** Floats of the padded copy. */
export const paddedSize = ({ paddedRows, paddedColumns }: PaddedMatrix): number => paddedRows * paddedColumns;

/** The kernel that copies. Bindings: the matrix, the copy. */
export function planPadding(padded: PaddedMatrix): KernelPlan {
  const { rows, columns, paddedRows, paddedColumns } = padded;
  return {
    kernel: { name: 'matmul/pad-rows', wgsl: () => template },
    params: [rows, columns, paddedRows, paddedColumns / 4].map(u32),
    workgroups: flatWorkgroups(paddedSize(padded) / 4, 64),
  };
}
