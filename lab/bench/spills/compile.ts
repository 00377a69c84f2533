import { writeSync } from 'node:fs';
import { create, globals } from 'webgpu';
import { openAdapter, requestAdapter } from '../../../src/device/webgpu/gpu.ts';
import { kernelsOf } from './kernels.ts';
import { markOf } from './statistics.ts';

const STDERR = 2;
// Held for the life of the process: Dawn crashes when its instance is collected before its devices.
let dawn: GPU;

/** Compiles every kernel on the adapter at hand, one after another, each after its mark. @returns the exit code. */
export async function main(): Promise<number> {
  Object.assign(globalThis, globals);
  dawn = create(['backend=vulkan']);
  const gpu = await openAdapter(await requestAdapter(dawn));
  const kernels = await kernelsOf(gpu.tuning, gpu.device.features.has('shader-f16'));
  console.log(`${kernels.length} kernels for ${gpu.facts.architecture}, ${gpu.facts.description}`);
  for (const kernel of kernels) {
    writeSync(STDERR, markOf(kernel.name));
    await gpu.pipelines.get(kernel);
  }
  return 0;
}
