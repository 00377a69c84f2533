import type { Gpu } from './device.ts';
import type { BufferRange } from './program.ts';
import { USAGE } from './usage.ts';

/**
 * Reads a part of a buffer back to the host: what stands there when all that is submitted by now is done.
 *
 * It cannot be broken off: a buffer that is destroyed while it is being mapped can end the process in Node, where Dawn's
 * binding looks at the promise of the mapping once more after it may have been collected.
 *
 * @throws GorpError `gpu/device-lost`.
 */
export async function readBytes(gpu: Gpu, range: BufferRange): Promise<ArrayBuffer> {
  gpu.check();
  const usage = USAGE.mapRead | USAGE.copyTarget;
  const staging = gpu.buffers.create(`read ${range.buffer.label}`, range.bytes, usage);
  const encoder = gpu.device.createCommandEncoder();
  encoder.copyBufferToBuffer(range.buffer.gpuBuffer, range.offset, staging.gpuBuffer, 0, staging.bytes);
  gpu.device.queue.submit([encoder.finish()]);
  const mapping = staging.gpuBuffer.mapAsync(GPUMapMode.READ);
  try {
    await Promise.race([mapping, gpu.lost]);
    return staging.gpuBuffer.getMappedRange(0, staging.bytes).slice(0);
  } finally {
    await mapping.catch(() => undefined);
    staging.destroy();
  }
}
