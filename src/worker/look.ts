import type { DeviceChoice } from '../base/device-choice.ts';
import { type ChosenDevice, chooseDevice, type DeviceHost, factsAhead, openDevice } from '../device/choice.ts';
import type { DeviceFacts } from '../device/device.ts';
import type { Speed } from '../run/planning/duration.ts';
import { highestSpeed, storedSpeed } from '../run/planning/highest-speed.ts';
import { measureSpeed } from '../run/planning/measure-speed.ts';
import type { DeviceOutlook, SingleThreadReason } from './protocol.ts';
import { browserSpeedStore } from './speed-store.ts';

/**
 * Reports the device that a run would use, and returns its speed. Opens a graphics card only to measure it, once. Always
 * starts the CPU's threads, since only that shows how many there are, and measures the CPU again, since other programs may
 * have kept it busy before.
 */
export async function lookAtDevice(
  choice: DeviceChoice,
  host: DeviceHost,
  tell: (outlook: DeviceOutlook) => void,
): Promise<Speed> {
  const speeds = browserSpeedStore();
  const chosen = await chooseDevice(choice, () => host.webgpu());
  const ahead = factsAhead(chosen);
  if (ahead !== undefined) {
    const outlook = outlookOf(chosen, ahead);
    tell(outlook);
    const speed = await storedSpeed(speeds, outlook.name);
    if (speed !== undefined) return speed;
  }
  const { device } = await openDevice(choice, host);
  try {
    const outlook = outlookOf(chosen, device.facts);
    if (ahead === undefined) tell(outlook);
    return await highestSpeed(speeds, outlook.name, () => measureSpeed(device, () => performance.now()));
  } finally {
    await device.destroy();
  }
}

function outlookOf({ kind, why, limits }: ChosenDevice, facts: DeviceFacts): DeviceOutlook {
  const threads = kind === 'wasm' ? (facts.limits['threads'] ?? 1) : null;
  return {
    kind,
    why,
    name: facts.description || [facts.vendor, facts.architecture].filter(Boolean).join(' ') || 'unnamed',
    isSoftwareAdapter: kind === 'webgpu' && facts.software,
    threads,
    singleThread: threads === 1 ? whyOneThread() : null,
    bufferBytes: limits.buffer,
  };
}

function whyOneThread(): SingleThreadReason {
  if (!crossOriginIsolated) return 'not-isolated';
  return navigator.hardwareConcurrency === 1 ? 'one-core' : 'no-worker';
}
