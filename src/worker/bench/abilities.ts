import { GorpError, reportOf } from '../../base/errors.ts';
import type { DeviceHost } from '../../device/choice.ts';
import { wasmAbilities } from '../../device/wasm/build.ts';
import { abilitiesOf } from '../../device/webgpu/adapter-abilities.ts';
import { requestAdapter } from '../../device/webgpu/gpu.ts';
import { defaultThreads } from '../wasm-host.ts';
import type { Abilities } from './messages.ts';

/** What this machine offers to the browser. Opens no device. */
export async function readAbilities({ webgpu }: Pick<DeviceHost, 'webgpu'>): Promise<Abilities> {
  const cpu = cpuAbilities();
  try {
    const { facts, storageBuffers } = abilitiesOf(await requestAdapter(await webgpu()));
    const adapter = { ...facts, features: [...facts.features], storageBuffers };
    return { adapter, noAdapter: null, cpu };
  } catch (thrown) {
    return { adapter: null, noAdapter: reportOf(thrown), cpu };
  }
}

function cpuAbilities(): Abilities['cpu'] {
  try {
    const abilities = wasmAbilities();
    return { ...abilities, threads: abilities.shared ? defaultThreads() : 1 };
  } catch (thrown) {
    if (thrown instanceof GorpError) return null;
    throw thrown;
  }
}
