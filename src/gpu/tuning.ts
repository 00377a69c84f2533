import type { LargeTile } from './kernels/matmul.ts';

/** What was measured about a device, for the choice between kernels that compute the same. */
export interface Tuning {
  largeTile: LargeTile;
}

/** Before anything has been measured. */
export const DEFAULT_TUNING: Tuning = { largeTile: 8 };
