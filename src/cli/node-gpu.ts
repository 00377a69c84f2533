import { GorpError } from '../base/errors.ts';
import { acquireGpu, type Gpu } from '../gpu/device.ts';

// Kept for the life of the process: Dawn crashes when its instance is collected before its devices.
let dawn: GPU | undefined;

/** A GPU device of Dawn in Node. @throws GorpError `gpu/no-dawn`, and as {@link acquireGpu}. */
export async function acquireNodeGpu(): Promise<Gpu> {
  dawn ??= await openDawn();
  return acquireGpu(dawn);
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
  return webgpu.create([]);
}
