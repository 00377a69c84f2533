import type { DeviceChoice } from '../base/device-choice.ts';
import { GorpError, reportOf } from '../base/errors.ts';
import { code, versionText } from '../base/version.ts';
import { serve, teller } from '../base/worker-calls.ts';
import { type Bench, memoryStore } from '../bench/bench.ts';
import { measureParts, MINUTE, minuteParts } from '../bench/benchmark-parts.ts';
import type { BenchHead } from '../bench/report.ts';
import { type DeviceHost, openDevice } from '../device/choice.ts';
import { wasmAbilities } from '../device/wasm/build.ts';
import { factsOf, requestAdapter } from '../device/webgpu/gpu.ts';
import { appRoot, deviceHost, webgpu } from './hosts.ts';
import type { Abilities, BenchFunctions, BenchProgress } from './protocol.ts';
import { defaultThreads } from './wasm-host.ts';

/** Returns the abilities that this machine offers to the browser. Opens no device. */
async function readAbilities({ webgpu }: Pick<DeviceHost, 'webgpu'>): Promise<Abilities> {
  const cpu = cpuAbilities();
  try {
    const adapter = await requestAdapter(await webgpu());
    const facts = factsOf(adapter);
    const storageBuffers = adapter.limits.maxStorageBuffersPerShaderStage;
    return { adapter: { ...facts, features: [...facts.features], storageBuffers }, noAdapter: null, cpu };
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

/**
 * Measures the device that a run would use, and reports each part. A part that is cut off continues, so the page ends
 * this worker.
 */
async function measureDevice(
  choice: DeviceChoice,
  host: DeviceHost,
  code: BenchHead['code'],
  tell: (event: BenchProgress) => void,
): Promise<void> {
  const { now } = host.tuning;
  const opened = await openDevice(choice, host);
  const { facts } = opened.device;
  await opened.device.destroy();
  const parts = minuteParts(facts.software);
  const shared = memoryStore(); // choosing the kernels of a part again would take up the minute
  const bench: Bench = {
    clock: { now, cpuMs: () => Promise.resolve(null) },
    scope: { rounds: 3, smallProducts: facts.software, chosenKernels: true },
    open: async (store = shared) => (await openDevice(choice, { ...host, tuning: { ...host.tuning, store } })).device,
    readEmbedded,
  };
  tell({
    type: 'measuring',
    head: {
      date: new Date().toISOString(),
      code,
      platform: navigator.userAgent,
      adapter: { ...facts, features: [...facts.features] },
    },
    parts: parts.map(({ name, omitted = null }) => ({ name, omitted })),
    limitSeconds: MINUTE,
  });
  const limit = { end: now() + MINUTE * 1e3, cutsOff: true };
  await measureParts(parts, bench, limit, {
    begun: (name) => tell({ type: 'begun', name }),
    ended: (outcome) => tell({ type: 'ended', outcome }),
  });
}

/** A file of the embedded model or its tasks, from the app's own origin. */
async function readEmbedded(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL(`embedded/${path}`, appRoot)).catch(() => undefined);
  if (response?.ok !== true) {
    throw new GorpError(
      'weights/network',
      `A file of the embedded model could not be loaded (${path}, ${response ? `status ${response.status}` : 'no connection'}).`,
      'Check that the server of the page is running, then measure again.',
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}

// The worker that describes or measures the device.
declare const self: DedicatedWorkerGlobalScope;

const functions: BenchFunctions = {
  abilities: () => readAbilities({ webgpu }),
  measure: ({ device }) => measureDevice(device, deviceHost(), code(), teller<BenchProgress>(self)),
};
serve(self, versionText(), functions);
