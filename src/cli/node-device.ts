import type { DeviceHost } from '../device/choice.ts';
import { GorpError } from '../base/errors.ts';
import type { TuningHost } from '../device/webgpu/tune.ts';
import { pausePolling } from './dawn-polling.ts';
import { nodeWasmHost } from './wasm-host.ts';

// Held for the life of the process: Dawn crashes when its instance is collected before its devices.
let dawn: GPU | undefined;

/** The runtime's own WebGPU: Deno has it, Node does not. */
const ownGpu = (): GPU | undefined => (globalThis.navigator as Partial<Navigator> | undefined)?.gpu;

/** What devices need in Node: Dawn, the npm package `webgpu`, and the kernels on disk. In Deno, its own WebGPU. */
export const nodeDevices = (tuning: TuningHost): DeviceHost => ({
  webgpu: async () => ownGpu() ?? (dawn ??= await openDawn()),
  tuning,
  wasm: nodeWasmHost(),
});

/** Loaded on demand, since the package is optional: not every platform has a build of it. */
export async function openDawn(): Promise<GPU> {
  const webgpu = await import('webgpu').catch((cause: unknown) => {
    throw new GorpError(
      'gpu/no-dawn',
      `The npm package webgpu, which gives Node a GPU, could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Install it with "npm install webgpu", or train with --device cpu.',
      { cause },
    );
  });
  Object.assign(globalThis, webgpu.globals);
  pausePolling();
  return webgpu.create([]);
}
