import { GorpError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import type { RunHost } from '../run/events/host.ts';
import { deviceWith } from './devices.ts';

/** The device, and what loses it as a crash of its driver would. Losing a device of the CPU ends what it computes. */
export function losable(device: Device): { device: Device; lose: () => void } {
  if (device instanceof WebGpuDevice) return { device, lose: () => device.gpu.device.destroy() };
  let failure: GorpError | undefined;
  let reject: (reason: GorpError) => void = () => undefined;
  const lost = new Promise<never>((_, rejectLost) => (reject = rejectLost));
  lost.catch(() => undefined); // reported to those who await it
  const check = (): void => {
    if (failure !== undefined) throw failure;
    device.check();
  };
  const run: Device['run'] = async (programs, copies) => {
    check();
    await Promise.race([device.run(programs, copies), lost]);
  };
  const lose = (): void =>
    reject((failure = new GorpError('device/lost', 'The test lost the device.', 'Start again.')));
  return { device: deviceWith(device, { lost, check, run }), lose };
}

/** The host, and what loses the device that it opened last. */
export function losingHost(host: RunHost): { host: RunHost; lose: () => void } {
  let loseLast = (): void => undefined;
  const acquireDevice: RunHost['acquireDevice'] = async (kind) => {
    const { device: opened, why } = await host.acquireDevice(kind);
    const { device, lose } = losable(opened);
    loseLast = lose;
    return { device, why };
  };
  return { host: { ...host, acquireDevice }, lose: () => loseLast() };
}
