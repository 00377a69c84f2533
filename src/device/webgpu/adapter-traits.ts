/** What of an adapter decides which kernels suit its products. */
export interface AdapterTraits {
  /** Whether it computes on the CPU: a few workgroups then occupy every core, and barriers are expensive. */
  readonly isSoftware: boolean;
}

export const SOFTWARE: AdapterTraits = { isSoftware: true };
