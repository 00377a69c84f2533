import { type Allocator, BufferLedger } from './buffers.ts';
import type { Device, DeviceFacts, MemoryLimits, Program } from './device.ts';
import { bytesOfArguments } from './wasm/program.ts';
import type { Planner } from './kernel-planner.ts';
import { WasmPlanner } from './wasm/wasm-planner.ts';
import { GpuPlanner } from './webgpu/gpu-planner.ts';
import { bytesOfUniforms } from './webgpu/program.ts';
import { Tuning } from './webgpu/tuning.ts';

/** The facts about a device that a memory plan needs; without `software` it is a graphics card. */
export type DeviceOutline = Pick<DeviceFacts, 'kind'> &
  Partial<Pick<DeviceFacts, 'software'>> & {
    readonly limits: MemoryLimits;
    /** The device's own, which then knows what a run will ask it for. */
    readonly planner?: Planner;
  };

/** The outline of this device. */
export const outlineOf = ({ facts: { kind, software }, limits }: Device): DeviceOutline => ({ kind, software, limits });

/** An amount of computation. */
export interface Work {
  /** As stated by kernels, see {@link KernelPlan.cost}. */
  readonly operations: number;
  readonly kernels: number;
}

/** A device that counts memory, in its ledger, and the work of its recorded programs. */
export interface CountingDevice extends Device {
  /** The work of running a program of this device once. */
  workOf(program: Program): Work;
}

// Bytes of the parameters of a program's kernels.
const PARAMETER_BYTES = { webgpu: bytesOfUniforms, wasm: bytesOfArguments };

/**
 * A device that stores and computes nothing: its ledger counts what a real one of its kind and limits would hold. Code
 * that allocates on a device can allocate on this one, so it plans its own memory. Reading from it is an error.
 */
export function countingDevice({ kind, software = false, limits, planner }: DeviceOutline): CountingDevice {
  const nothing = (): void => undefined;
  const allocator: Allocator<undefined> = {
    limit: () => limits.buffer,
    allocate: () => ({ memory: undefined, confirmed: true }),
    free: nothing,
  };
  const buffers = new BufferLedger(allocator);
  const works = new WeakMap<Program, Work>();
  return {
    facts: { kind, vendor: '', architecture: '', description: '', software, features: [], limits: {} },
    limits,
    buffers,
    planner: planner ?? (kind === 'wasm' ? new WasmPlanner() : new GpuPlanner(new Tuning(software))),
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
    prepare: () => Promise.resolve(),
    workOf: (program) => {
      const work = works.get(program);
      if (work === undefined) throw new Error(`${program.name} is a program of another device`);
      return work;
    },
    run: () => Promise.resolve(),
    read: () => Promise.reject(new Error('cannot read from a device that only counts')),
    allowHalves: nothing,
    check: nothing,
    lost: new Promise<never>(nothing),
    settle: () => Promise.resolve(),
    destroy: () => Promise.resolve(buffers.destroyAll()),
  };
}
