import type { Gpu } from './device.ts';
import type { BufferRange } from './program.ts';
import { USAGE } from './usage.ts';

/**
 * Reads a part of a buffer back to the host; waits for the GPU.
 *
 * @param givenUp rejects when the bytes are not wanted any more.
 * @throws GorpError `gpu/device-lost`.
 */
export async function readBytes(gpu: Gpu, range: BufferRange, givenUp?: Promise<never>): Promise<ArrayBuffer> {
  gpu.check();
  const usage = USAGE.mapRead | USAGE.copyTarget;
  const staging = gpu.buffers.create(`read ${range.buffer.label}`, range.bytes, usage);
  try {
    const encoder = gpu.device.createCommandEncoder();
    encoder.copyBufferToBuffer(range.buffer.gpuBuffer, range.offset, staging.gpuBuffer, 0, staging.bytes);
    gpu.device.queue.submit([encoder.finish()]);
    await Promise.race([staging.gpuBuffer.mapAsync(GPUMapMode.READ), gpu.lost, ...(givenUp ? [givenUp] : [])]);
    return staging.gpuBuffer.getMappedRange(0, staging.bytes).slice(0);
  } finally {
    staging.destroy();
  }
}
