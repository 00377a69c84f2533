import { DEVICE_CHOICES, type DeviceChoice } from '../../base/device-choice.ts';

/** A person's choices about this machine, saved in the browser. None is a setting of a run. */
export interface Preferences {
  /** What to train on. */
  readonly device: DeviceChoice;
  /** Whether the screen is kept on while a run goes on. */
  readonly keepAwake: boolean;
  /** The part of the graphics card's time that training may take, in percent: one of {@link GPU_SHARES}. */
  readonly gpuShare: number;
}

export const GPU_SHARES: readonly number[] = [100, 75, 50, 25];

export const USUAL: Preferences = { device: 'auto', keepAwake: true, gpuShare: 100 };

const DEVICE = 'gorp-web-device';
const AWAKE = 'gorp-web-keep-awake';
const GPU_SHARE = 'gorp-web-gpu-share';

/** The choices made earlier in this browser. */
export function storedPreferences(): Preferences {
  try {
    const device = DEVICE_CHOICES.find((choice) => choice === localStorage.getItem(DEVICE)) ?? USUAL.device;
    const gpuShare = GPU_SHARES.find((share) => String(share) === localStorage.getItem(GPU_SHARE)) ?? USUAL.gpuShare;
    return { device, keepAwake: localStorage.getItem(AWAKE) !== 'no', gpuShare };
  } catch {
    return USUAL; // storage is blocked: nothing was chosen
  }
}

export function keepPreferences({ device, keepAwake, gpuShare }: Preferences): void {
  try {
    localStorage.setItem(DEVICE, device);
    localStorage.setItem(AWAKE, keepAwake ? 'yes' : 'no');
    localStorage.setItem(GPU_SHARE, String(gpuShare));
  } catch {
    // Storage is blocked: they last until the page is closed.
  }
}
