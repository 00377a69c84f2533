import { DEVICE_CHOICES, type DeviceChoice } from '../../base/device-choice.ts';

/** A person's choices about this machine, stored in the browser. They are not settings of a run. */
export interface Preferences {
  /** What to train on. */
  readonly device: DeviceChoice;
  /** Whether the screen stays on during a run. */
  readonly keepAwake: boolean;
  /** Minutes between two checkpoints of a run; 0 for none. */
  readonly checkpointMinutes: number;
  /** The percentage of the graphics card's time that training may use: one of {@link GPU_SHARES}. */
  readonly gpuShare: number;
}

/** The values offered. */
export const CHECKPOINT_MINUTES: readonly number[] = [1, 2, 5, 10, 30, 0];
export const GPU_SHARES: readonly number[] = [100, 75, 50, 25];

export const USUAL: Preferences = { device: 'auto', keepAwake: true, checkpointMinutes: 2, gpuShare: 100 };

const DEVICE = 'gorp-web-device';
const AWAKE = 'gorp-web-keep-awake';
const CHECKPOINTS = 'gorp-web-checkpoint-minutes';
const GPU_SHARE = 'gorp-web-gpu-share';

/** The choices stored in this browser. */
export function storedPreferences(): Preferences {
  try {
    const device = DEVICE_CHOICES.find((choice) => choice === localStorage.getItem(DEVICE)) ?? USUAL.device;
    const minutes = localStorage.getItem(CHECKPOINTS);
    const checkpointMinutes = CHECKPOINT_MINUTES.find((one) => String(one) === minutes) ?? USUAL.checkpointMinutes;
    const gpuShare = GPU_SHARES.find((share) => String(share) === localStorage.getItem(GPU_SHARE)) ?? USUAL.gpuShare;
    return { device, keepAwake: localStorage.getItem(AWAKE) !== 'no', checkpointMinutes, gpuShare };
  } catch {
    return USUAL; // storage is blocked, so nothing was stored
  }
}

export function savePreferences({ device, keepAwake, checkpointMinutes, gpuShare }: Preferences): void {
  try {
    localStorage.setItem(DEVICE, device);
    localStorage.setItem(AWAKE, keepAwake ? 'yes' : 'no');
    localStorage.setItem(CHECKPOINTS, String(checkpointMinutes));
    localStorage.setItem(GPU_SHARE, String(gpuShare));
  } catch {
    // Storage is blocked: the choices last until the page closes.
  }
}
