import type { ErrorReport } from '../../base/errors.ts';
import type { SetUp } from './set-up.ts';

/** A shared set-up for review before it is applied, or why it cannot be applied. */
export type Offer = { from: string; setUp: SetUp } | { from: string; error: ErrorReport };
