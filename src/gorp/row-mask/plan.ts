import type { PartNeeds } from '../part-needs.ts';

/**
 * From the second task on, a step does not train rows of A and B with small outputs: those whose Σ |output| over the
 * step's tokens is below the quantile `share` of the matrix.
 */
export interface RowMaskPlan {
  readonly part: 'row-mask';
  readonly needs: PartNeeds;
  /** In [0, 1). */
  readonly share: number;
}

export const rowMask = (share: number): RowMaskPlan => ({ part: 'row-mask', needs: {}, share });

/** How many of the rows lie below a quantile, interpolated like `torch.quantile`. */
export const rowsBelow = ({ share }: Pick<RowMaskPlan, 'share'>, rows: number): number =>
  Math.max(0, Math.ceil(share * (rows - 1) - 1e-9));
