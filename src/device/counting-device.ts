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

/** How much there is to compute. */
export interface Work {
  /** As kernels state them, see {@link KernelPlan.cost}. */
  readonly operations: number;
  readonly kernels: number;
}

/** A device that counts: memory in its ledger, and the work of the programs that it has recorded. */
export interface CountingDevice extends Device {
  /** What running a program of this device once would take. */
  workOf(program: Program): Work;
}

// What the parameters of a program's kernels take.
const PARAMETER_BYTES = { webgpu: bytesOfUniforms, wasm: bytesOfArguments };

/**
 * A device that holds nothing and computes nothing: its ledger counts what a real one of its kind and limits would hold.
 * Whoever allocates on a device can allocate on this one, so a plan of memory is made by the code that it plans for.
 * Reading from it is an error.
 */
export function countingDevice({ kind, limits }: DeviceOutline): CountingDevice {
  const nothing = (): void => undefined;
  const allocator: Allocator<undefined> = {
    limit: () => limits.buffer,
    allocate: () => ({ memory: undefined, confirmed: true }),
    free: nothing,
  };
  const buffers = new BufferLedger(allocator);
  const works = new WeakMap<Program, Work>();
  return {
    facts: { kind, vendor: '', architecture: '', description: '', software: false, features: [], limits: {} },
    limits,
    buffers,
    planner: kind === 'wasm' ? new WasmPlanner() : new GpuPlanner(new Tuning()),
    write: nothing,
    clear: nothing,
    record: (name, plan): Promise<Program> => {
      const dispatches = plan();
      const { length: dispatchCount } = dispatches;
      const parameters = buffers.storage(`${name} parameters`, PARAMETER_BYTES[kind](dispatches));
      const program = { name, dispatchCount, destroy: () => parameters.destroy() };
      const operations = dispatches.reduce((sum, { cost = 0 }) => sum + cost, 0);
      works.set(program, { operations, kernels: dispatchCount });
      return Promise.resolve(program);
    },
    workOf: (program) => {
      const work = works.get(program);
      if (work === undefined) throw new Error(`${program.name} is a program of another device`);
      return work;
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
