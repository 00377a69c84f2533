import type { ErrorReport } from '../../base/errors.ts';
import type { Reading } from '../../tasks/reading.ts';

/** What is shown of the example that the model would read first. */
export type PreviewState =
  /** Nobody looks at it. */
  | { status: 'closed' }
  /** The settings are not complete. */
  | { status: 'none' }
  /** `last` is the preview of the settings before. */
  | { status: 'reading'; last: Reading | null }
  /** Null where the first task has no examples. */
  | { status: 'read'; preview: Reading | null }
  /** Model or tasks are on another server, which is asked when the person says so. */
  | { status: 'elsewhere' }
  | { status: 'failed'; error: ErrorReport };

export const CLOSED: PreviewState = { status: 'closed' };
