import { serve } from '../base/worker-calls.ts';
import { versionText } from '../base/version.ts';
import { checkModel } from './check-model.ts';
import { deviceHost } from './device-host.ts';
import { lengths } from './lengths.ts';
import { lookAtDevice } from './look.ts';
import { plan } from './plan-run.ts';
import { preview } from './preview.ts';
import type { AheadFunctions, DeviceOutlook } from './protocol.ts';

// The worker that answers what can be known before a run: its memory and work, its texts, the device.
declare const self: DedicatedWorkerGlobalScope;

const functions: AheadFunctions = {
  plan,
  preview,
  lengths,
  check: checkModel,
  look: (choice) =>
    lookAtDevice(choice, deviceHost(), (outlook: DeviceOutlook) => self.postMessage({ event: outlook })),
};
serve(self, versionText(), functions);
