import { GorpError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import type { TuningHost } from '../device/webgpu/tune.ts';
import { acquireWebGpu } from '../device/webgpu/webgpu-device.ts';

/** Subgroup matrices are behind this switch, as they are behind one of browsers. What is not asked for stays off. */
export const DAWN_OPTIONS = ['enable-dawn-features=allow_unsafe_apis'];

// Kept for the life of the process: Dawn crashes when its instance is collected before its devices.
let dawn: GPU | undefined;

/** A GPU device of Dawn in Node. @throws GorpError `gpu/no-dawn`, and as {@link acquireWebGpu}. */
export async function acquireNodeDevice(tuning: TuningHost): Promise<Device> {
  dawn ??= await openDawn();
  try {
    return await acquireWebGpu(dawn, tuning);
  } catch (thrown) {
    if (!(thrown instanceof GorpError && thrown.code === 'gpu/no-adapter')) throw thrown;
    throw new GorpError(
      thrown.code,
      'No graphics adapter was found.',
      'Install a driver: for Vulkan on Linux, in containers too (Mesa’s computes on the CPU where there is no GPU); on macOS and Windows update the system.',
      { cause: thrown },
    );
  }
}

/** Loaded when it is needed, since the package is optional: not every platform has a build of it. */
async function openDawn(): Promise<GPU> {
  const webgpu = await import('webgpu').catch((cause: unknown) => {
    throw new GorpError(
      'gpu/no-dawn',
      `The npm package webgpu, which gives Node a GPU, could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Install it with "npm install webgpu"; it has builds for Linux, macOS and Windows.',
      { cause },
    );
  });
  Object.assign(globalThis, webgpu.globals);
  return webgpu.create(DAWN_OPTIONS);
}
