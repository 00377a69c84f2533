import { countingDevice } from '../../src/device/counting-device.ts';
import type { Device } from '../../src/device/device.ts';
import type { Dispatch, KernelCall } from '../../src/device/kernel.ts';
import { GpuPlanner } from '../../src/device/webgpu/planner.ts';
import { wgslOf } from '../../src/device/webgpu/pipelines.ts';
import type { Tuning } from '../../src/device/webgpu/tuning.ts';
import type { RecordedCall } from './work.ts';

/** Large enough that no model of the tables is cut for lack of room in a buffer. */
const LIMITS = { buffer: 2 ** 31, total: null };

/** A device that stores and computes nothing, and notes the dispatches of every recorded program in order; equal ones are one object. */
export interface RecordingDevice {
  readonly device: Device;
  readonly programs: readonly { readonly name: string; readonly calls: readonly RecordedCall[] }[];
}

/** Opens one whose kernels are those of a WebGPU device with these choices. */
export function recordingDevice(tuning: Tuning): RecordingDevice {
  const counting = countingDevice({ kind: 'webgpu', limits: LIMITS });
  const programs: { name: string; calls: RecordedCall[] }[] = [];
  const known = new Map<string, RecordedCall>(); // layers repeat each other, and WGSL takes long to write
  const recorded = (dispatch: Dispatch): RecordedCall => {
    const { kernel, params, workgroups } = dispatch;
    const tensors = dispatch.tensors.map(({ bytes }) => bytes);
    const key = JSON.stringify([kernel.name, params, workgroups, tensors]);
    const call = known.get(key) ?? callOf(dispatch, tensors);
    known.set(key, call);
    return call;
  };
  const device: Device = {
    ...counting,
    planner: new GpuPlanner(tuning),
    record: (name, plan) => {
      programs.push({ name, calls: plan().map(recorded) });
      return counting.record(name, plan);
    },
  };
  return { device, programs };
}

/** A call with tensors of so many bytes. @throws Error when its WGSL states no workgroup size. */
export function callOf(
  { kernel, params, workgroups = [1, 1, 1] }: KernelCall<unknown>,
  tensors: readonly number[],
): RecordedCall {
  const stated = /@workgroup_size\(([^)]*)\)/.exec(wgslOf(kernel))?.[1];
  if (stated === undefined) throw new Error(`${kernel.name} states no workgroup size`);
  const [x, y = 1, z = 1] = stated.split(',').map(Number);
  const values = params.map((param) => ('u32' in param ? param.u32 : param.f32));
  return { kernel: kernel.name, size: [x, y, z], workgroups, params: values, tensors };
}
