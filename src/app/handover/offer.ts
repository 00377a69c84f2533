import type { ErrorReport } from '../../base/errors.ts';
import type { SetUp } from './set-up.ts';

/** A set-up that somebody has handed on, to be looked at before it is taken over; or why it cannot be. */
export type Offer = { from: string; setUp: SetUp } | { from: string; error: ErrorReport };
