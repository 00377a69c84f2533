import { type Allocator, BufferLedger } from './buffers.ts';
import type { Device, DeviceFacts, MemoryLimits, Program } from './device.ts';
import { bytesOfArguments } from './wasm/program.ts';
import { WasmPlanner } from './wasm/planner.ts';
import { GpuPlanner } from './webgpu/planner.ts';
import { bytesOfUniforms } from './webgpu/program.ts';
import { Tuning } from './webgpu/tuning.ts';

/** What a plan of memory must know of a device. */
export type DeviceOutline = Pick<DeviceFacts, 'kind'> & { readonly limits: MemoryLimits };

/** What a plan of memory must know of this device. */
export const outlineOf = ({ facts, limits }: Device): DeviceOutline => ({ kind: facts.kind, limits });

// What the parameters of a program's kernels take.
const PARAMETER_BYTES = { webgpu: bytesOfUniforms, wasm: bytesOfArguments };

/**
 * A device that holds nothing and computes nothing: its ledger counts what a real one of its kind and limits would hold.
 * Whoever allocates on a device can allocate on this one, so a plan of memory is made by the code that it plans for.
 * Reading from it is an error.
 */
export function countingDevice({ kind, limits }: DeviceOutline): Device {
  const nothing = (): void => undefined;
  const allocator: Allocator<undefined> = {
    limit: () => limits.buffer,
    allocate: () => ({ memory: undefined, confirmed: true }),
    free: nothing,
  };
  const buffers = new BufferLedger(allocator);
  return {
    facts: { kind, vendor: '', architecture: '', description: '', software: false, features: [], limits: {} },
    limits,
    buffers,
    planner: kind === 'wasm' ? new WasmPlanner() : new GpuPlanner(new Tuning()),
    write: nothing,
    clear: nothing,
    record: (name, plan): Promise<Program> => {
      const dispatches = plan();
      const parameters = buffers.storage(`${name} parameters`, PARAMETER_BYTES[kind](dispatches));
      return Promise.resolve({ name, dispatchCount: dispatches.length, destroy: () => parameters.destroy() });
    },
    run: () => Promise.resolve(),
    read: () => Promise.reject(new Error('a device that only counts has nothing to read')),
    allowHalves: nothing,
    check: nothing,
    lost: new Promise<never>(nothing),
    settle: () => Promise.resolve(),
    breakOnPurpose: nothing,
    destroy: () => Promise.resolve(buffers.destroyAll()),
  };
}
