import { DEVICE_CHOICES, type DeviceChoice } from '../../base/device-choice.ts';

/** What is kept of a person's choices about this machine. Neither is a setting of a run. */
export interface Preferences {
  /** What to train on. */
  readonly device: DeviceChoice;
  /** Whether the screen is kept on while a run goes on. */
  readonly keepAwake: boolean;
  /** Minutes between two checkpoints of a run; 0 for none. */
  readonly checkpointMinutes: number;
}

/** What can be chosen. */
export const CHECKPOINT_MINUTES: readonly number[] = [1, 2, 5, 10, 30, 0];

export const USUAL: Preferences = { device: 'auto', keepAwake: true, checkpointMinutes: 2 };

const DEVICE = 'gorp-web-device';
const AWAKE = 'gorp-web-keep-awake';
const CHECKPOINTS = 'gorp-web-checkpoint-minutes';

/** The choices made earlier in this browser. */
export function storedPreferences(): Preferences {
  try {
    const device = DEVICE_CHOICES.find((choice) => choice === localStorage.getItem(DEVICE)) ?? USUAL.device;
    const minutes = localStorage.getItem(CHECKPOINTS);
    const checkpointMinutes = CHECKPOINT_MINUTES.find((one) => String(one) === minutes) ?? USUAL.checkpointMinutes;
    return { device, keepAwake: localStorage.getItem(AWAKE) !== 'no', checkpointMinutes };
  } catch {
    return USUAL; // storage is blocked: nothing was chosen
  }
}

export function keepPreferences({ device, keepAwake, checkpointMinutes }: Preferences): void {
  try {
    localStorage.setItem(DEVICE, device);
    localStorage.setItem(AWAKE, keepAwake ? 'yes' : 'no');
    localStorage.setItem(CHECKPOINTS, String(checkpointMinutes));
  } catch {
    // Storage is blocked: they last until the page is closed.
  }
}
