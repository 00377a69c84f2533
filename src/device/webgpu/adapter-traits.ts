/** What of an adapter decides which kernels suit its products. */
export interface AdapterTraits {
  /** Whether it computes on the CPU: a few workgroups then occupy every core, and barriers are expensive. */
  readonly isSoftware: boolean;
  /** Threads of each of its subgroups, if all have the same number. */
  readonly lanes?: number | undefined;
}

/** A software adapter without subgroups. */
export const SOFTWARE: AdapterTraits = { isSoftware: true };
