import type { OwnedBuffer } from './buffers.ts';
import type { Gpu } from './device.ts';
import type { BufferRange } from './program.ts';
import { readBytes } from './readback.ts';
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
    const range = { buffer: this.#ring, offset: 0, bytes: steps * this.#floats * 4 };
    const floats = new Float32Array(await readBytes(this.gpu, range));
    return Array.from({ length: steps }, (_, step) => {
      let at = step * this.#floats;
      return this.sources.map(({ bytes }) => floats.slice(at, (at += bytes / 4)));
    });
  }

  destroy(): void {
    this.#ring.destroy();
  }
}
