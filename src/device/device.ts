import type { BufferRange, Buffers, OwnedBuffer } from './buffers.ts';
import type { Dispatch } from './kernel.ts';
import type { Planner } from './planner.ts';

/** What a device says of itself. */
export interface DeviceFacts {
  /** `webgpu`: shaders on a graphics adapter. `wasm`: WebAssembly on the CPU. */
  readonly kind: 'webgpu' | 'wasm';
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** True where the CPU computes: WebAssembly, or an adapter of software (SwiftShader, llvmpipe, WARP). */
  readonly software: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** What bounds the memory of a device, in bytes. */
export interface MemoryLimits {
  /** The largest single buffer. */
  readonly buffer: number;
  /** All buffers together, where that is known; browsers do not say how much a graphics card has. */
  readonly total: number | null;
}

/** A list of kernels, recorded once and replayed: running it allocates nothing and compiles nothing. */
export interface Program {
  readonly name: string;
  readonly dispatchCount: number;
  destroy(): void;
}

/** Bytes copied from one buffer to another, or within one; multiples of 4, ranges that do not overlap. */
export interface Copy {
  readonly from: OwnedBuffer;
  readonly fromOffset: number;
  readonly to: OwnedBuffer;
  readonly toOffset: number;
  readonly bytes: number;
}

/** Views of plain memory that can be written to a buffer. */
export type Values = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/**
 * What computes. Everything happens in the order of the calls: a read sees all runs before it, a run sees all writes
 * before it. Nothing above this interface knows which device is at work.
 */
export interface Device {
  readonly facts: DeviceFacts;
  readonly limits: MemoryLimits;
  readonly buffers: Buffers;
  readonly planner: Planner;

  /** Writes values to a buffer from `offset` on, in bytes. */
  write(buffer: OwnedBuffer, offset: number, values: Values): void;
  /** Sets a whole buffer to zero. */
  clear(buffer: OwnedBuffer): void;
  /**
   * Records a program.
   *
   * @param plan gives its kernels as the planner has them now. A device that finds better kernels later asks again, and
   *   replaces those of the program; the plan must give the same values then.
   * @throws GorpError `device/out-of-memory`; nothing stays allocated then.
   */
  record(name: string, plan: () => readonly Dispatch[]): Promise<Program>;
  /**
   * Runs programs one after another, then copies.
   *
   * @returns resolves when the device takes more work, which may be at once: it does not tell that the work is done.
   */
  run(programs: readonly Program[], copies?: readonly Copy[]): Promise<void>;
  /** Reads bytes back: what is there after everything that was run before. @throws GorpError `device/lost`. */
  read(range: BufferRange): Promise<ArrayBuffer>;

  /**
   * Whether kernels may round operands of products to 16-bit floats; they may not when this is not called.
   *
   * @throws GorpError `device/no-f16` where they may and cannot.
   */
  allowHalves(allowed: boolean): void;
  /** Throws GorpError `device/lost` once the device is gone, `device/invalid-operation` once it has refused work. */
  check(): void;
  /** Rejects with GorpError `device/lost` when the device goes away unasked; pending otherwise. */
  readonly lost: Promise<never>;
  /** Ends what the device does on its own account, and resolves when all that this took of it is free. */
  settle(): Promise<void>;
  /** Breaks the device, as a crash of the driver would: for tests of the failure path. */
  breakOnPurpose(): void;
  /** Settles, then frees every buffer and the device. */
  destroy(): Promise<void>;
}
