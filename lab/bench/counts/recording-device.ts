import { type CountingDevice, countingDevice, type DeviceOutline } from '../../../src/device/counting-device.ts';
import type { Dispatch } from '../../../src/device/kernel.ts';

/** A program and its kernels in their order, with sizes and workgroups as on a real device. */
export interface RecordedProgram {
  readonly name: string;
  readonly dispatches: readonly Dispatch[];
}

/** A device that computes nothing, so that all it reads is 0, and remembers every program recorded on it. */
export interface RecordingDevice extends CountingDevice {
  /** The programs recorded since this was last called, in their order. */
  takeRecorded(): RecordedProgram[];
}

/** Without a planner in its outline, it records the kernels that programs start with on an unmeasured device. */
export function recordingDevice(outline: DeviceOutline): RecordingDevice {
  const device = countingDevice(outline);
  let recorded: RecordedProgram[] = [];
  return {
    ...device,
    read: ({ bytes }) => Promise.resolve(new ArrayBuffer(bytes)),
    record: (name, plan) => {
      const dispatches = plan();
      recorded.push({ name, dispatches });
      return device.record(name, () => dispatches);
    },
    takeRecorded: () => {
      const taken = recorded;
      recorded = [];
      return taken;
    },
  };
}
