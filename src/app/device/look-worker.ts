import type { DeviceChoice } from '../../base/device-choice.ts';
import type { ErrorReport } from '../../base/errors.ts';
import type { Speed } from '../../run/planning/duration.ts';
import type { AheadFunctions, DeviceOutlook } from '../../worker/protocol.ts';
import { callOnce } from '../worker-client.ts';

/** The answers: the device, then its speed; or why there is no device. */
export type LookAnswer =
  | { type: 'device'; outlook: DeviceOutlook }
  | { type: 'speed'; speed: Speed }
  | { type: 'no-device'; error: ErrorReport };

/** Requests the device that a run would use, then its speed. Returns a function that cancels the request. */
export type AskForDevice = (choice: DeviceChoice, onAnswer: (answer: LookAnswer) => void) => () => void;

/** Asks a worker that lives for this one request. */
export const askLookWorker: AskForDevice = (choice, onAnswer) =>
  callOnce<AheadFunctions, 'look', DeviceOutlook>(
    () => new Worker(new URL('../../worker/ahead.ts', import.meta.url), { type: 'module', name: 'look' }),
    {
      name: 'The worker that detects the device',
      nextStep: 'Reload the page, or start a run anyway.',
      onEvent: (outlook) => onAnswer({ type: 'device', outlook }),
    },
    'look',
    choice,
    (speed) => onAnswer({ type: 'speed', speed }),
    (error) => onAnswer({ type: 'no-device', error }),
  );
