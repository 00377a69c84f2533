import type { BufferRange } from '../buffers.ts';
import type { Gpu } from './gpu.ts';
import { USAGE } from './usage.ts';

/**
 * Reads a part of a buffer back to the host: what stands there when all that is submitted by now is done.
 *
 * It cannot be broken off: a buffer that is destroyed while it is being mapped can end the process in Node, where Dawn's
 * binding looks at the promise of the mapping once more after it may have been collected.
 *
 * @throws GorpError `device/lost`.
 */
export async function readBytes(gpu: Gpu, range: BufferRange): Promise<ArrayBuffer> {
  gpu.check();
  const source = gpu.buffers.memoryOf(range.buffer);
  const usage = USAGE.mapRead | USAGE.copyTarget;
  const staging = gpu.buffers.create(`read ${range.buffer.label}`, range.bytes, usage);
  const memory = gpu.buffers.memoryOf(staging);
  const encoder = gpu.device.createCommandEncoder();
  encoder.copyBufferToBuffer(source, range.offset, memory, 0, staging.bytes);
  gpu.device.queue.submit([encoder.finish()]);
  const mapping = memory.mapAsync(GPUMapMode.READ);
  try {
    await Promise.race([mapping, gpu.lost]);
    return memory.getMappedRange(0, staging.bytes).slice(0);
  } finally {
    await mapping.catch(() => undefined);
    staging.destroy();
  }
}
