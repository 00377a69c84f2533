import type { DeviceFacts } from '../device.ts';
import { factsOf } from './gpu.ts';

/** What an adapter can do that matters to the kernels. */
interface AdapterAbilities {
  readonly facts: DeviceFacts;
  /** Storage buffers that a kernel may bind. */
  readonly storageBuffers: number;
}

/** Reads an adapter's abilities without opening a device. */
export function abilitiesOf(adapter: GPUAdapter): AdapterAbilities {
  return {
    facts: factsOf(adapter),
    storageBuffers: adapter.limits.maxStorageBuffersPerShaderStage,
  };
}
