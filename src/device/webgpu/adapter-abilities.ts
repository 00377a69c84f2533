import type { DeviceFacts } from '../device.ts';
import { infoOf } from './adapter-info.ts';
import { factsOf } from './gpu.ts';

/** What an adapter can do that matters to the kernels. */
export interface AdapterAbilities {
  readonly facts: DeviceFacts;
  /** Storage buffers that a kernel may bind. */
  readonly storageBuffers: number;
  /** Threads per subgroup, at least and at most; null without subgroups. */
  readonly lanes: { readonly min: number; readonly max: number } | null;
}

/** Reads an adapter's abilities without opening a device. */
export function abilitiesOf(adapter: GPUAdapter): AdapterAbilities {
  const { subgroupMinSize: min, subgroupMaxSize: max } = infoOf(adapter);
  const hasLanes = adapter.features.has('subgroups') && min !== undefined && max !== undefined;
  return {
    facts: factsOf(adapter),
    storageBuffers: adapter.limits.maxStorageBuffersPerShaderStage,
    lanes: hasLanes ? { min, max } : null,
  };
}
