import type { RecordedCall, Work } from '../work.ts';

/** Kernels that the model describes alike. A new kernel needs an entry in one of the files beside this one. */
export interface Family {
  /** Matches the names of its kernels. */
  readonly kernels: RegExp;
  /** The row of the tables that a call belongs to; may depend on its shape. */
  readonly row: string | ((call: RecordedCall) => string);
  /** What a call does. @param name the match of {@link kernels}, with its groups. */
  readonly work: (call: RecordedCall, name: RegExpExecArray) => Work;
}
