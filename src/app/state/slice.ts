/**
 * The page's store as the actions of one slice see it: the slices that they change, and those that they only read. The
 * whole store fits, so a slice needs no import of the files above it.
 */
export interface StoreOf<Changed, Read = unknown> {
  readonly getState: () => Changed & Read;
  readonly setState: (change: Partial<Changed> | ((state: Changed & Read) => Partial<Changed>)) => void;
  readonly subscribe: (listener: (state: Changed & Read, before: Changed & Read) => void) => () => void;
}
