import type { OwnedBuffer } from './buffers.ts';
import type { Gpu } from './device.ts';
import type { BufferRange } from './program.ts';
import { USAGE } from './usage.ts';

/**
 * Collects a few numbers of every step on the GPU and reads many steps back at once, so that the loop never waits for a
 * single loss.
 */
export class ScalarRing {
  readonly #ring: OwnedBuffer;
  readonly #floats: number;
  #used = 0;

  /**
   * @param sources where the numbers of a step stand when it is done.
   * @param capacity steps held before they must be taken.
   */
  constructor(
    private readonly gpu: Gpu,
    private readonly sources: readonly BufferRange[],
    readonly capacity: number,
  ) {
    this.#floats = sources.reduce((sum, source) => sum + source.bytes / 4, 0);
    this.#ring = gpu.buffers.create('step records', capacity * this.#floats * 4, USAGE.copyTarget | USAGE.copySource);
  }

  /** Steps recorded and not yet taken. */
  get used(): number {
    return this.#used;
  }

  /** Bytes of all that it can hold: what is read back at most. */
  get bytes(): number {
    return this.#ring.bytes;
  }

  /** Encodes the copies of one step, behind its compute pass. */
  record(encoder: GPUCommandEncoder): void {
    if (this.#used === this.capacity) throw new Error('the ring of step records is full');
    let at = this.#used * this.#floats * 4;
    for (const { buffer, offset, bytes } of this.sources) {
      encoder.copyBufferToBuffer(buffer.gpuBuffer, offset, this.#ring.gpuBuffer, at, bytes);
      at += bytes;
    }
    this.#used++;
  }

  /**
   * Takes what was recorded. The copy is ordered at once, so recording can go on; the promise resolves when the GPU has
   * got there.
   *
   * @returns per step the numbers of each source.
   * @throws GorpError `gpu/device-lost`.
   */
  async take(): Promise<Float32Array[][]> {
    const steps = this.#used;
    this.#used = 0;
    if (steps === 0) return [];
    const usage = USAGE.mapRead | USAGE.copyTarget;
    const staging = this.gpu.buffers.create('step records, read back', steps * this.#floats * 4, usage);
    try {
      const encoder = this.gpu.device.createCommandEncoder();
      encoder.copyBufferToBuffer(this.#ring.gpuBuffer, 0, staging.gpuBuffer, 0, steps * this.#floats * 4);
      this.gpu.device.queue.submit([encoder.finish()]);
      await Promise.race([staging.gpuBuffer.mapAsync(GPUMapMode.READ), this.gpu.lost]);
      const floats = new Float32Array(staging.gpuBuffer.getMappedRange().slice(0));
      return Array.from({ length: steps }, (_, step) => {
        let at = step * this.#floats;
        return this.sources.map(({ bytes }) => floats.slice(at, (at += bytes / 4)));
      });
    } finally {
      staging.destroy();
    }
  }

  destroy(): void {
    this.#ring.destroy();
  }
}
