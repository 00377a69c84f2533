import type { DeviceChoice } from '../../base/device-choice.ts';
import type { ErrorReport } from '../../base/errors.ts';
import type { Speed } from '../../run/planning/duration.ts';
import type { AheadFunctions, DeviceOutlook } from '../../worker/protocol.ts';
import { isMeasuring } from './bench-state.ts';
import { LOOKING } from './device-state.ts';
import { isActive } from './run-state.ts';
import type { PageStore } from './store.ts';
import { callOnce } from './worker-client.ts';

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

/** Detects the device that a run would use. */
interface DeviceLook {
  /** Looks now, and again whenever another device is chosen. */
  readonly watch: () => void;
  /** Looks again, for example after a driver was installed or a browser setting changed. */
  readonly again: () => void;
}

/** Cancels a look when a run or a measurement starts, since it needs the device to itself, and looks again after it. */
export function createDeviceLook(store: PageStore, ask: AskForDevice): DeviceLook {
  const { getState, setState } = store;
  let giveUp: (() => void) | null = null;
  let isDue = false;

  const look = (): void => {
    giveUp?.();
    giveUp = null;
    isDue = false;
    setState({ deviceFound: LOOKING });
    giveUp = ask(getState().device, (answer) => {
      if (answer.type === 'device') {
        setState({ deviceFound: { status: 'known', outlook: answer.outlook, speed: null } });
        return;
      }
      giveUp = null;
      if (answer.type === 'no-device') setState({ deviceFound: { status: 'none', error: answer.error } });
      else
        setState(({ deviceFound }) =>
          deviceFound.status === 'known' ? { deviceFound: { ...deviceFound, speed: answer.speed } } : {},
        );
    });
  };

  return {
    again: look,
    watch: () => {
      look();
      store.subscribe((state, before) => {
        const active = isActive(state.run.status) || isMeasuring(state.bench);
        if (state.device !== before.device) look();
        if (active && giveUp !== null) {
          giveUp();
          giveUp = null;
          isDue = true;
        }
        if (!active && isDue) look();
      });
    },
  };
}
