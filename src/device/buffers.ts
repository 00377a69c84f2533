import type { BufferPurpose } from '../base/buffer-purpose.ts';
import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';

/** Device memory with an owner, live until `destroy` is called. */
export interface OwnedBuffer {
  readonly label: string;
  readonly bytes: number;
  readonly purpose: BufferPurpose;
  destroy(): void;
}

/** A part of a buffer. */
export interface BufferRange {
  readonly buffer: OwnedBuffer;
  /** In bytes; a multiple of 256. */
  readonly offset: number;
  readonly bytes: number;
}

/** All of a buffer. */
export const wholeOf = (buffer: OwnedBuffer): BufferRange => ({ buffer, offset: 0, bytes: buffer.bytes });

/** The buffers of a device and their total bytes. */
export interface Buffers {
  readonly liveBuffers: number;
  readonly liveBytes: number;
  readonly peakBytes: number;
  readonly live: readonly OwnedBuffer[];
  /** Labels of the live buffers, for messages of leak tests. */
  readonly liveLabels: readonly string[];
  /**
   * A buffer that kernels read and write and the host can write, copy and read. Its content is zero.
   *
   * @param bytes size, rounded up to a multiple of 16 so that it can always be read as vec4f.
   * @param purpose the purpose to count it under.
   * @throws GorpError `device/buffer-too-large`, `device/out-of-memory`. Some devices report a lack of memory later,
   * through {@link verified}.
   */
  storage(label: string, bytes: number, purpose?: BufferPurpose): OwnedBuffer;
  /** Resolves when the device has confirmed every buffer made so far. @throws GorpError `device/out-of-memory`. */
  verified(): Promise<void>;
  /** Destroys all live buffers, at the end of a failed run. */
  destroyAll(): void;
}

/** Bytes of batches and of the parameters of kernels. */
export const inputBytes = ({ buffers }: { readonly buffers: Buffers }): number =>
  buffers.live.reduce((sum, { purpose, bytes }) => sum + (purpose === 'inputs' ? bytes : 0), 0);

/** Provides a ledger's memory. */
export interface Allocator<Memory> {
  /** Bytes of the largest buffer. */
  limit(usage: number): number;
  /**
   * @param usage the device's own usage flags; 0 is storage.
   * @returns `confirmed` resolves to whether there is room.
   */
  allocate(label: string, bytes: number, usage: number): { memory: Memory; confirmed: Promise<boolean> | boolean };
  free(memory: Memory, bytes: number): void;
}

/** A buffer and the promise of its confirmation; undefined if already confirmed. */
interface Made {
  readonly buffer: OwnedBuffer;
  readonly confirmed: Promise<void> | undefined;
}

/** Makes something at once; if that fails, destroys what it has allocated on the device. */
export function allOrNothing<Made>({ buffers }: { readonly buffers: Buffers }, make: () => Made): Made {
  const before = new Set(buffers.live);
  try {
    return make();
  } catch (error) {
    for (const buffer of buffers.live) if (!before.has(buffer)) buffer.destroy();
    throw error;
  }
}

/**
 * Creates every buffer of a device and counts live and peak bytes. A run, finished or failed, ends with `liveBuffers`
 * 0. Only live buffers map to memory, so a destroyed one cannot be used.
 */
export class BufferLedger<Memory> implements Buffers {
  readonly #allocator: Allocator<Memory>;
  readonly #memory = new Map<OwnedBuffer, Memory>();
  #liveBytes = 0;
  #peakBytes = 0;
  #pending: Promise<void>[] = [];

  constructor(allocator: Allocator<Memory>) {
    this.#allocator = allocator;
  }

  get liveBuffers(): number {
    return this.#memory.size;
  }
  get liveBytes(): number {
    return this.#liveBytes;
  }
  get peakBytes(): number {
    return this.#peakBytes;
  }
  get live(): OwnedBuffer[] {
    return [...this.#memory.keys()];
  }
  get liveLabels(): string[] {
    return [...this.#memory.keys()].map((buffer) => buffer.label);
  }

  storage(label: string, bytes: number, purpose: BufferPurpose = 'inputs'): OwnedBuffer {
    return this.#counted(this.#create(label, bytes, 0, purpose));
  }

  /** As {@link Buffers.storage}, for any use. @param usage as in {@link Allocator.allocate}. */
  create(label: string, bytes: number, usage: number): OwnedBuffer {
    return this.#counted(this.#create(label, bytes, usage, 'inputs'));
  }

  /**
   * Creates storage buffers and waits for their confirmation, so that only the caller learns of a lack of memory.
   *
   * @param sizes in bytes.
   * @throws GorpError as {@link storage}, `device/out-of-memory`; then none of them is live.
   */
  async confirmed(label: string, sizes: readonly number[]): Promise<OwnedBuffer[]> {
    const buffers: OwnedBuffer[] = [];
    try {
      const confirmations = sizes.flatMap((bytes, i) => {
        const { buffer, confirmed } = this.#create(`${label} ${i}`, bytes, 0, 'inputs');
        buffers.push(buffer);
        return confirmed ?? [];
      });
      await Promise.all(confirmations);
      return buffers;
    } catch (error) {
      for (const buffer of buffers) buffer.destroy();
      throw error;
    }
  }

  /** @throws Error when a program names a destroyed buffer: a bug in the caller. */
  checkProgram(name: string, buffers: readonly OwnedBuffer[]): void {
    for (const buffer of buffers) {
      if (this.#memory.has(buffer)) continue;
      throw new Error(`${name} cannot run: its buffer ${buffer.label} has been destroyed since it was recorded`);
    }
  }

  /** The memory of a live buffer. @throws Error when it has been destroyed: a bug in the caller. */
  memoryOf(buffer: OwnedBuffer): Memory {
    const memory = this.#memory.get(buffer);
    if (memory === undefined)
      throw new Error(`the buffer ${buffer.label} has been destroyed or belongs to another device`);
    return memory;
  }

  #counted({ buffer, confirmed }: Made): OwnedBuffer {
    if (confirmed) this.#pending.push(confirmed);
    return buffer;
  }

  #create(label: string, bytes: number, usage: number, purpose: BufferPurpose): Made {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const limit = this.#allocator.limit(usage);
    if (size > limit) {
      throw new GorpError(
        'device/buffer-too-large',
        `${label} needs ${formatBytes(size)} in one buffer; this device allows ${formatBytes(limit)}.`,
        'Choose a smaller model, a smaller batch or shorter prompts.',
      );
    }
    const { memory, confirmed } = this.#allocator.allocate(label, size, usage);
    if (confirmed === false) throw outOfMemory(label, size, this.#liveBytes);
    const buffer: OwnedBuffer = {
      label,
      bytes: size,
      purpose,
      destroy: () => {
        if (!this.#memory.delete(buffer)) return;
        this.#liveBytes -= size;
        this.#allocator.free(memory, size);
      },
    };
    this.#memory.set(buffer, memory);
    this.#liveBytes += size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return { buffer, confirmed: confirmed === true ? undefined : this.#heard(label, size, confirmed) };
  }

  #heard(label: string, size: number, confirmed: Promise<boolean>): Promise<void> {
    const heard = confirmed.then((hasRoom) => {
      if (!hasRoom) throw outOfMemory(label, size, this.#liveBytes);
    });
    heard.catch(() => undefined); // reported to the caller that awaits it
    return heard;
  }

  async verified(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    await Promise.all(pending);
  }

  destroyAll(): void {
    for (const buffer of [...this.#memory.keys()]) buffer.destroy();
  }
}

const outOfMemory = (label: string, bytes: number, used: number): GorpError =>
  new GorpError(
    'device/out-of-memory',
    `The device has no room for ${label} (${formatBytes(bytes)}; ${formatBytes(used)} are in use).`,
    'Close other tabs and programs that need memory, or choose a smaller batch, shorter prompts or a smaller model.',
  );
