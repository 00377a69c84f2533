import type { ErrorReport } from '../../base/errors.ts';
import type { TextLengths } from '../../run/planning/text-lengths.ts';

/** The lengths of the texts that a run with the current settings would read. */
export type LengthsState =
  /** The settings are not complete, or a run is on. */
  | { status: 'none' }
  /** `last` is the count for the previous settings. */
  | { status: 'counting'; last: TextLengths | null }
  | { status: 'counted'; lengths: TextLengths }
  /** Model or tasks are on another server, which is asked only when the person requests it. */
  | { status: 'elsewhere' }
  | { status: 'failed'; error: ErrorReport };

export const NOT_COUNTED: LengthsState = { status: 'none' };
