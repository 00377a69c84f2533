import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';

/**
 * Shared memory for the intermediates of programs that run one after another and never read each other's values. Many
 * batch shapes need only as much as the largest.
 */
export class Arena {
  readonly #device: Device;
  readonly #label: string;

  /** Largest first. */
  #buffers: OwnedBuffer[] = [];
  #version = 0;

  constructor(device: Device, label: string) {
    this.#device = device;
    this.#label = label;
  }

  /** Changes when memory is reallocated: earlier programs must then be compiled again. */
  get version(): number {
    return this.#version;
  }

  /**
   * A buffer for each of these slots; replaces buffers that are too small by larger ones.
   *
   * @param slots bytes of each.
   * @throws GorpError `device/buffer-too-large`; `gpu.buffers.verified` reports lack of memory.
   */
  take(slots: readonly number[]): OwnedBuffer[] {
    const largestFirst = slots.map((_, slot) => slot).sort((a, b) => slots[b] - slots[a]);
    const buffers = new Array<OwnedBuffer>(slots.length);
    for (const [i, slot] of largestFirst.entries()) {
      const known: OwnedBuffer | undefined = this.#buffers[i];
      if (known === undefined || known.bytes < slots[slot]) {
        if (known !== undefined) this.#version++;
        known?.destroy();
        this.#buffers[i] = this.#device.buffers.storage(`${this.#label} slot ${i}`, slots[slot], 'arena');
      }
      buffers[slot] = this.#buffers[i];
    }
    return buffers;
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers = [];
  }
}
