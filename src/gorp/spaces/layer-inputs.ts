import type { StoredTensor } from '../../graph/tensor.ts';

/** A sum XᵀX on the device, f32 [in, in], and the layers whose input is X. */
export interface CovarianceSum {
  readonly tensor: StoredTensor;
  readonly names: string[];
}

/** An input of trained layers. */
export interface DistinctInput {
  /** The first layer that reads it. */
  readonly name: string;
  /** All layers that read it. */
  readonly names: readonly string[];
  readonly width: number;
}
