import { isMeasuring } from '../bench/bench-state.ts';
import { isActive } from '../run-state.ts';
import type { PageStore } from '../store.ts';
import { LOOKING } from './device-state.ts';
import type { AskForDevice } from './look-worker.ts';

/** Detects the device that a run would use. */
export interface DeviceLook {
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
