import type { LargeTile } from './kernels/matmul.ts';

/** What was measured about a device, for the choice between kernels that compute the same. */
export interface Tuning {
  largeTile: LargeTile;
  /** Whether it was measured; what a host knows of a device need not be measured again. */
  isMeasured: boolean;
}

/** Before anything has been measured. */
export const DEFAULT_TUNING: Tuning = { largeTile: 8, isMeasured: false };
