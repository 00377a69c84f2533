import { GorpError } from '../base/errors.ts';
import { USAGE } from './usage.ts';

const STORAGE = USAGE.storage | USAGE.copyTarget | USAGE.copySource;

/** A GPU buffer with an owner: it counts as live until `destroy` is called. */
export interface OwnedBuffer {
  readonly gpuBuffer: GPUBuffer;
  readonly label: string;
  readonly bytes: number;
  destroy(): void;
}

/**
 * Makes every buffer of the program, and knows the bytes: how much is alive, how much was at most. A run, finished or
 * failed, ends with `liveBuffers` 0.
 */
export class BufferLedger {
  #live = new Map<OwnedBuffer, number>();
  #liveBytes = 0;
  #peakBytes = 0;
  #pending: Promise<void>[] = [];

  constructor(private readonly device: GPUDevice) {}

  get liveBuffers(): number {
    return this.#live.size;
  }
  get liveBytes(): number {
    return this.#liveBytes;
  }
  get peakBytes(): number {
    return this.#peakBytes;
  }
  /** What is alive, with its size. */
  get live(): { label: string; bytes: number }[] {
    return [...this.#live.keys()].map(({ label, bytes }) => ({ label, bytes }));
  }
  /** Labels of what is alive, for messages of leak tests. */
  get liveLabels(): string[] {
    return [...this.#live.keys()].map((buffer) => buffer.label);
  }

  /**
   * @param bytes size; rounded up to a multiple of 16, so that it can always be bound as vec4f.
   * @throws GorpError `gpu/buffer-too-large` when it exceeds the device's limits. Lack of memory is reported by
   *   {@link verified}, since WebGPU tells of it later.
   */
  create(label: string, bytes: number, usage: GPUBufferUsageFlags): OwnedBuffer {
    const { buffer, confirmed } = this.#create(label, bytes, usage);
    this.#pending.push(confirmed);
    return buffer;
  }

  /** A storage buffer that can be written from and copied to the host. */
  storage(label: string, bytes: number): OwnedBuffer {
    return this.create(label, bytes, STORAGE);
  }

  /**
   * Storage buffers that the device has confirmed: who asks for them hears that there is no room, nobody else does.
   *
   * @param sizes in bytes.
   * @throws GorpError as {@link create}, `gpu/out-of-memory`; then none is alive.
   */
  async confirmed(label: string, sizes: readonly number[]): Promise<OwnedBuffer[]> {
    const buffers: OwnedBuffer[] = [];
    try {
      const confirmations = sizes.map((bytes, i) => {
        const { buffer, confirmed } = this.#create(`${label} ${i}`, bytes, STORAGE);
        buffers.push(buffer);
        return confirmed;
      });
      await Promise.all(confirmations);
      return buffers;
    } catch (error) {
      for (const buffer of buffers) buffer.destroy();
      throw error;
    }
  }

  #create(label: string, bytes: number, usage: GPUBufferUsageFlags): { buffer: OwnedBuffer; confirmed: Promise<void> } {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const isStorage = (usage & USAGE.storage) !== 0;
    const limit = isStorage ? Math.min(maxBufferSize, maxStorageBufferBindingSize) : maxBufferSize;
    if (size > limit) {
      throw new GorpError(
        'gpu/buffer-too-large',
        `${label} needs ${size} bytes in one buffer; this device allows ${limit}.`,
        'Choose a smaller model, a smaller batch or shorter prompts.',
      );
    }
    this.device.pushErrorScope('out-of-memory');
    const gpuBuffer = this.device.createBuffer({ label, size, usage });
    const confirmed = this.device.popErrorScope().then((error) => {
      if (error === null) return;
      throw new GorpError(
        'gpu/out-of-memory',
        `The GPU has no room for ${label} (${size} bytes; ${this.#liveBytes} are in use).`,
        'Close other tabs that use the GPU, or choose a smaller batch, shorter prompts or a smaller model.',
      );
    });
    confirmed.catch(() => undefined); // heard by who asks for it
    const buffer: OwnedBuffer = {
      gpuBuffer,
      label,
      bytes: size,
      destroy: () => {
        if (!this.#live.delete(buffer)) return;
        this.#liveBytes -= size;
        gpuBuffer.destroy();
      },
    };
    this.#live.set(buffer, size);
    this.#liveBytes += size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return { buffer, confirmed };
  }

  /** Resolves when the device has confirmed every buffer made so far. @throws GorpError `gpu/out-of-memory`. */
  async verified(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    await Promise.all(pending);
  }

  /** Destroys whatever is still alive: the end of a failed run. */
  destroyAll(): void {
    for (const buffer of [...this.#live.keys()]) buffer.destroy();
  }
}
