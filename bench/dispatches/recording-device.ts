import { type CountingDevice, countingDevice, type DeviceOutline } from '../../src/device/counting-device.ts';
import type { Dispatch } from '../../src/device/kernel.ts';
import type { Planner } from '../../src/device/kernel-planner.ts';

/** A program as it was recorded: its kernels in their order, with sizes and workgroups as on a real device. */
export interface RecordedProgram {
  readonly name: string;
  readonly dispatches: readonly Dispatch[];
}

/** A device that computes nothing, so that all it reads is 0, and remembers every program recorded on it. */
export interface RecordingDevice extends CountingDevice {
  /** In the order in which they were recorded. */
  readonly recorded: readonly RecordedProgram[];
}

/** @param planner chooses the kernels; by default those that programs start with on an unmeasured device. */
export function recordingDevice(outline: DeviceOutline, planner?: Planner): RecordingDevice {
  const device = countingDevice(outline);
  const recorded: RecordedProgram[] = [];
  return {
    ...device,
    ...(planner && { planner }),
    recorded,
    read: ({ bytes }) => Promise.resolve(new ArrayBuffer(bytes)),
    record: (name, plan) => {
      const dispatches = plan();
      recorded.push({ name, dispatches });
      return device.record(name, () => dispatches);
    },
  };
}
