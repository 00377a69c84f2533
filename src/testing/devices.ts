import { create, globals } from 'webgpu';
import { DAWN_OPTIONS } from '../cli/node-device.ts';
import { acquireGpu } from '../device/webgpu/gpu.ts';
import { Tuning } from '../device/webgpu/tuning.ts';
import { WebGpuDevice } from '../device/webgpu/webgpu-device.ts';

Object.assign(globalThis, globals);

// Kept for the life of the process: Dawn crashes when its instance is collected before its devices.
let instance: GPU | undefined;

/** A device of Dawn in Node for tests. Its absence is a failure: the test command has promised an adapter. */
export async function acquireTestGpu(): Promise<WebGpuDevice> {
  instance ??= create(DAWN_OPTIONS);
  return new WebGpuDevice(await acquireGpu(instance));
}

/** Choices of a device that is taken as measured: measuring takes longer than most tests. */
export function measuredTuning(): Tuning {
  const tuning = new Tuning();
  const nothing = (): Promise<void> => Promise.resolve();
  tuning.measureWith({ wake: () => undefined, finish: nothing, stop: nothing });
  return tuning;
}
