import { create, globals } from 'webgpu';
import { DAWN_OPTIONS } from '../cli/node-device.ts';
import { BufferLedger } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { acquireGpu, gpuAllocator, requestAdapter } from '../device/webgpu/gpu.ts';
import { Tuning } from '../device/webgpu/tuning.ts';
import { openWebGpu, WebGpuDevice } from '../device/webgpu/webgpu-device.ts';

Object.assign(globalThis, globals);

// Kept for the life of the process: Dawn crashes when its instance is collected before its devices.
let instance: GPU | undefined;
const dawn = (): GPU => (instance ??= create(DAWN_OPTIONS));

/**
 * A device of Dawn in Node, for tests of WGSL and of what belongs to WebGPU. It measures no kernels. Its absence is a
 * failure: the test command has promised an adapter.
 */
export async function acquireTestGpu(): Promise<WebGpuDevice> {
  return new WebGpuDevice(await acquireGpu(dawn()));
}

/** The same, which chooses its kernels by measurement as a run does. It remembers nothing of an earlier start. */
export async function acquireMeasuringGpu(): Promise<WebGpuDevice> {
  const store = { read: () => Promise.resolve(undefined), write: () => Promise.resolve() };
  return openWebGpu(await requestAdapter(dawn()), { now: () => performance.now(), store, platform: 'test' });
}

/** The quickest device, for tests of everything above kernels. */
export const acquireTestDevice = (): Promise<Device> => acquireTestGpu();

/** Every kind of device, for tests of kernels: all of them must compute the same. */
export const TEST_DEVICES: readonly { readonly name: string; readonly acquire: () => Promise<Device> }[] = [
  { name: 'WebGPU', acquire: acquireTestGpu },
];

/** Lends a device to one run after another. */
export interface DeviceLender {
  /** A device with a ledger of its own. Its owner destroys it, which leaves those of others alive. */
  lend(): Promise<Device>;
  destroy(): Promise<void>;
}

/** Opens a test device for many runs that leave it as it was: on WebGPU every kernel is compiled once for all of them. */
export async function openDeviceLender(): Promise<DeviceLender> {
  const device = await acquireTestDevice();
  return {
    lend: async () => (device instanceof WebGpuDevice ? sharedGpu(device) : acquireTestDevice()),
    destroy: () => device.destroy(),
  };
}

/** The same WebGPU device and pipelines with a ledger and kernel choices of its own. */
function sharedGpu({ gpu }: WebGpuDevice): WebGpuDevice {
  const buffers = new BufferLedger(gpuAllocator(gpu.device));
  return new WebGpuDevice({
    ...gpu,
    buffers,
    tuning: new Tuning(gpu.tuning.subgroups),
    destroy: () => Promise.resolve(buffers.destroyAll()),
  });
}

/** The same device, said to allow fewer bytes in one buffer. */
export const limitedDevice = (device: Device, bytes: number): Device => ({
  ...{ facts: device.facts, buffers: device.buffers, planner: device.planner, lost: device.lost },
  limits: { ...device.limits, buffer: bytes },
  write: (buffer, offset, values) => device.write(buffer, offset, values),
  clear: (buffer) => device.clear(buffer),
  record: (name, plan) => device.record(name, plan),
  run: (programs, copies) => device.run(programs, copies),
  read: (range) => device.read(range),
  allowHalves: () => device.allowHalves(),
  check: () => device.check(),
  settle: () => device.settle(),
  breakOnPurpose: () => device.breakOnPurpose(),
  destroy: () => device.destroy(),
});
