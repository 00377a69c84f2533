import { BufferLedger } from './buffers.ts';
import type { Gpu } from './device.ts';
import type { PipelineCache } from './kernel.ts';
import { Tuning } from './tuning.ts';

/** What bounds a single buffer of a device, in bytes. */
export interface BufferLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
}

/**
 * A device that holds nothing and computes nothing: its ledger counts what a real one with these limits would hold.
 * Whoever allocates on a device can allocate on this one, so a plan of memory is made by the code that it plans for.
 * Reading back from it is an error.
 */
export function countingGpu(limits: BufferLimits): Gpu {
  const nothing = (): void => undefined;
  const device = {
    limits,
    createBuffer: () => ({ destroy: nothing }),
    createBindGroup: () => ({}),
    createCommandEncoder: () => ({ clearBuffer: nothing, finish: () => ({}) }),
    queue: { writeBuffer: nothing, submit: nothing },
    pushErrorScope: nothing,
    popErrorScope: () => Promise.resolve(null),
    destroy: nothing,
  } as unknown as GPUDevice;
  const pipeline = { getBindGroupLayout: () => ({}) } as unknown as GPUComputePipeline;
  const pipelines: Pick<PipelineCache, 'size' | 'get' | 'idle'> = {
    size: 0,
    get: () => Promise.resolve(pipeline),
    idle: () => Promise.resolve(),
  };
  const buffers = new BufferLedger(device);
  return {
    device,
    facts: { vendor: '', architecture: '', description: '', software: false, features: [], limits: { ...limits } },
    buffers,
    pipelines: pipelines as PipelineCache,
    tuning: new Tuning(),
    lost: new Promise<never>(nothing),
    check: nothing,
    destroy: () => Promise.resolve(buffers.destroyAll()),
  };
}
