import { wgslOf } from '../../src/device/webgpu/pipelines.ts';
import type { Dispatch, KernelCall } from '../../src/device/kernel.ts';
import type { RecordedCall } from './work.ts';

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

/** The calls of dispatches, in order; equal ones are one object, since layers repeat each other. */
export function callsOf(dispatches: readonly Dispatch[]): RecordedCall[] {
  const known = new Map<string, RecordedCall>();
  return dispatches.map((dispatch) => {
    const tensors = dispatch.tensors.map(({ bytes }) => bytes);
    const key = JSON.stringify([dispatch.kernel.name, dispatch.params, dispatch.workgroups, tensors]);
    const call = known.get(key) ?? callOf(dispatch, tensors);
    known.set(key, call);
    return call;
  });
}
