import { type ErrorReport, reportOf } from '../../base/errors.ts';

/**
 * The page's store as the actions of one slice see it: the slices that they change, and those that they only read. The
 * whole store fits, so a slice needs no import of the files above it.
 */
export interface StoreOf<Changed, Read = unknown> {
  readonly getState: () => Changed & Read;
  readonly setState: (change: Partial<Changed> | ((state: Changed & Read) => Partial<Changed>)) => void;
  readonly subscribe: (listener: (state: Changed & Read, before: Changed & Read) => void) => () => void;
}

/** Does some work, and shows why if it fails. @param show gets null first, so that the last problem goes. */
export async function showingProblem(
  show: (problem: ErrorReport | null) => void,
  work: () => Promise<void>,
): Promise<void> {
  show(null);
  try {
    await work();
  } catch (thrown) {
    show(reportOf(thrown));
  }
}
