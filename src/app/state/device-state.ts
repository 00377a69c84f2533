import type { ErrorReport } from '../../base/errors.ts';
import type { Speed } from '../../run/planning/duration.ts';
import type { DeviceOutlook } from '../../worker/protocol.ts';

/** What is known of the device that a run would use. */
export type DeviceState =
  | { status: 'looking' }
  /** `speed` is null until measured. */
  | { status: 'known'; outlook: DeviceOutlook; speed: Speed | null }
  | { status: 'none'; error: ErrorReport };

export const LOOKING: DeviceState = { status: 'looking' };
