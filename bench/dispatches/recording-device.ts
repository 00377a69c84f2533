import { type CountingDevice, countingDevice, type DeviceOutline } from '../../src/device/counting-device.ts';
import type { Program } from '../../src/device/device.ts';
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
  /** The kernels of a program that it recorded. */
  dispatchesOf(program: Program): readonly Dispatch[];
}

/** @param planner chooses the kernels; by default those that programs start with on an unmeasured device. */
export function recordingDevice(outline: DeviceOutline, planner?: Planner): RecordingDevice {
  const device = countingDevice(outline);
  const recorded: RecordedProgram[] = [];
  const byProgram = new Map<Program, readonly Dispatch[]>();
  return {
    ...device,
    ...(planner && { planner }),
    recorded,
    read: ({ bytes }) => Promise.resolve(new ArrayBuffer(bytes)),
    record: async (name, plan) => {
      const dispatches = plan();
      recorded.push({ name, dispatches });
      const program = await device.record(name, () => dispatches);
      byProgram.set(program, dispatches);
      return program;
    },
    dispatchesOf: (program) => byProgram.get(program) ?? [],
  };
}
