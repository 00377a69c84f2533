import type { Subgroups } from './subgroups.ts';

/** What of an adapter decides which kernels suit its products. */
export interface AdapterTraits {
  /** Whether it computes on the CPU: a few workgroups then occupy every core, and barriers are expensive. */
  readonly isSoftware: boolean;
  /** Its subgroups, where they are all of one size. */
  readonly subgroups?: Subgroups | undefined;
}

/** A software adapter without subgroups. */
export const SOFTWARE: AdapterTraits = { isSoftware: true };
