import { DEVICE_CHOICES, type DeviceChoice } from '../../base/device-choice.ts';

/** What is kept of a person's choices about this machine. Neither is a setting of a run. */
export interface Preferences {
  /** What to train on. */
  readonly device: DeviceChoice;
  /** Whether the screen is kept on while a run goes on. */
  readonly keepAwake: boolean;
}

export const USUAL: Preferences = { device: 'auto', keepAwake: true };

const DEVICE = 'gorp-web-device';
const AWAKE = 'gorp-web-keep-awake';

/** The choices made earlier in this browser. */
export function storedPreferences(): Preferences {
  try {
    const device = DEVICE_CHOICES.find((choice) => choice === localStorage.getItem(DEVICE)) ?? USUAL.device;
    return { device, keepAwake: localStorage.getItem(AWAKE) !== 'no' };
  } catch {
    return USUAL; // storage is blocked: nothing was chosen
  }
}

export function keepPreferences({ device, keepAwake }: Preferences): void {
  try {
    localStorage.setItem(DEVICE, device);
    localStorage.setItem(AWAKE, keepAwake ? 'yes' : 'no');
  } catch {
    // Storage is blocked: they last until the page is closed.
  }
}
