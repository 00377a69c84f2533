import type { BufferRange, OwnedBuffer } from './buffers.ts';
import type { Copy, Device } from './device.ts';

/**
 * Collects a few numbers per step on the device and reads many steps back at once, so that the loop never waits for a
 * single loss.
 */
export class ScalarRing {
  readonly #device: Device;
  readonly #sources: readonly BufferRange[];
  readonly #ring: OwnedBuffer;
  readonly #floats: number;
  #used = 0;

  /**
   * @param sources locations of a step's numbers after the step.
   * @param capacity maximum number of steps held before {@link take}.
   */
  constructor(
    device: Device,
    sources: readonly BufferRange[],
    readonly capacity: number,
  ) {
    this.#device = device;
    this.#sources = sources;
    this.#floats = sources.reduce((sum, source) => sum + source.bytes / 4, 0);
    this.#ring = device.buffers.storage('step records', capacity * this.#floats * 4);
  }

  /** Steps recorded but not yet taken. */
  get used(): number {
    return this.#used;
  }

  /** Bytes of a full ring, the most that is read back. */
  get bytes(): number {
    return this.#ring.bytes;
  }

  /** The copies that record a step, to be run after its programs. */
  record(): Copy[] {
    if (this.#used === this.capacity) throw new Error('the ring of step records is full');
    let toOffset = this.#used * this.#floats * 4;
    this.#used++;
    return this.#sources.map(({ buffer: from, offset: fromOffset, bytes }) => {
      const copy: Copy = { from, fromOffset, to: this.#ring, toOffset, bytes };
      toOffset += bytes;
      return copy;
    });
  }

  /**
   * Takes all recorded steps. Queues the copy at once, so recording can continue; the promise resolves when the device
   * has made it.
   *
   * @returns the numbers of each source, per step.
   * @throws GorpError `device/lost`.
   */
  async take(): Promise<Float32Array[][]> {
    const steps = this.#used;
    this.#used = 0;
    if (steps === 0) return [];
    const range = { buffer: this.#ring, offset: 0, bytes: steps * this.#floats * 4 };
    const floats = new Float32Array(await this.#device.read(range));
    return Array.from({ length: steps }, (_, step) => {
      let at = step * this.#floats;
      return this.#sources.map(({ bytes }) => floats.slice(at, (at += bytes / 4)));
    });
  }

  destroy(): void {
    this.#ring.destroy();
  }
}
