import type { ErrorReport } from '../../base/errors.ts';
import type { Reading } from '../../tasks/reading.ts';

/** The state of the first example's preview. */
export type PreviewState =
  /** The preview is folded. */
  | { status: 'closed' }
  /** The settings are not complete. */
  | { status: 'none' }
  /** `last` is the preview for the previous settings. */
  | { status: 'reading'; last: Reading | null }
  /** Null if the first task has no examples. */
  | { status: 'read'; preview: Reading | null }
  /** Model or tasks are on another server, which is asked only when the person requests it. */
  | { status: 'elsewhere' }
  | { status: 'failed'; error: ErrorReport };

export const CLOSED: PreviewState = { status: 'closed' };
