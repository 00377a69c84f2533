import { code, versionText } from '../base/version.ts';
import { serve } from '../base/worker-calls.ts';
import { readAbilities } from './bench/abilities.ts';
import { measureDevice } from './bench/measure.ts';
import type { BenchFunctions, BenchProgress } from './bench/messages.ts';
import { deviceHost, webgpu } from './device-host.ts';

// The worker that describes or measures the device.
declare const self: DedicatedWorkerGlobalScope;

const functions: BenchFunctions = {
  abilities: () => readAbilities({ webgpu }),
  measure: ({ device }) =>
    measureDevice(device, deviceHost(), code(), (event: BenchProgress) => self.postMessage({ event })),
};
serve(self, versionText(), functions);
