import type { BufferRange } from '../buffers.ts';
import type { Turns } from '../turns.ts';
import { BUFFER_USAGE, type Gpu } from './gpu.ts';

/**
 * Reads part of a buffer back to the host, after all earlier work.
 *
 * It cannot be cancelled: destroying a buffer during mapping can crash Node, where Dawn's binding accesses the
 * mapping's promise after it may have been collected.
 *
 * @param turns {@link AT_ONCE} for a buffer that no queued work writes to.
 * @throws GorpError `device/lost`, `device/buffer-too-large`.
 */
export async function readBytes(
  gpu: Gpu,
  range: BufferRange,
  turns: Pick<Turns, 'then'> = gpu.turns,
): Promise<ArrayBuffer> {
  gpu.check();
  const source = gpu.buffers.memoryOf(range.buffer);
  const usage = BUFFER_USAGE.MAP_READ | BUFFER_USAGE.COPY_DST;
  const staging = gpu.buffers.create(`read ${range.buffer.label}`, range.bytes, usage);
  const memory = gpu.buffers.memoryOf(staging);
  const mapping = new Promise<void>((resolve, reject) => {
    turns.then(() => {
      const encoder = gpu.device.createCommandEncoder();
      encoder.copyBufferToBuffer(source, range.offset, memory, 0, 4 * Math.ceil(range.bytes / 4));
      gpu.device.queue.submit([encoder.finish()]);
      gpu.answers.of(memory.mapAsync(GPUMapMode.READ)).then(resolve, reject);
    });
  });
  try {
    await Promise.race([mapping, gpu.lost]);
    return memory.getMappedRange().slice(0, range.bytes);
  } finally {
    await mapping.catch(() => undefined);
    staging.destroy();
  }
}

/** Takes no turn: the work goes ahead of everything queued. */
export const AT_ONCE: Pick<Turns, 'then'> = { then: (action) => action() };
