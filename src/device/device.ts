import type { BufferRange, Buffers, OwnedBuffer } from './buffers.ts';
import type { Dispatch } from './kernel.ts';
import type { Planner } from './kernel-planner.ts';

/** A device's description. */
export interface DeviceFacts {
  /** `webgpu`: shaders on a graphics adapter. `wasm`: WebAssembly on the CPU. */
  readonly kind: 'webgpu' | 'wasm';
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** True if the CPU computes: WebAssembly or a software adapter (SwiftShader, llvmpipe, WARP). */
  readonly software: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** Limits of a device's memory, in bytes. */
export interface MemoryLimits {
  /** The largest single buffer. */
  readonly buffer: number;
  /** All buffers together, if known; browsers do not report a graphics card's memory. */
  readonly total: number | null;
}

/** A list of kernels, recorded once and replayed. Running it neither allocates nor compiles. */
export interface Program {
  readonly name: string;
  readonly dispatchCount: number;
  destroy(): void;
}

/** Bytes copied from a buffer to another, since WebGPU has no copies within one; multiples of 4. */
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
 * Computes. Everything happens in call order: a read sees all earlier runs, a run sees all earlier writes. Nothing
 * above this interface depends on the kind of device.
 */
export interface Device {
  readonly facts: DeviceFacts;
  readonly limits: MemoryLimits;
  readonly buffers: Buffers;
  readonly planner: Planner;

  /** Writes values to a buffer from byte `offset` on. */
  write(buffer: OwnedBuffer, offset: number, values: Values): void;
  /** Sets a whole buffer to zero. */
  clear(buffer: OwnedBuffer): void;
  /**
   * Records a program.
   *
   * @param plan returns the kernels that the planner currently has. A device that measures kernels first calls it again.
   * @throws GorpError `device/out-of-memory`; then nothing stays allocated.
   */
  record(name: string, plan: () => readonly Dispatch[]): Promise<Program>;
  /**
   * Chooses kernels for everything that the planner was asked for, by measurement where the device has several. Programs
   * that need others have them measured when they are recorded.
   *
   * @param report is called with the number of choices made, and of all.
   * @throws GorpError `device/wrong-results`, `device/lost`.
   */
  prepare(report: (done: number, total: number) => void): Promise<void>;
  /**
   * Runs programs one after another, then copies.
   *
   * @returns resolves when the device accepts more work, possibly at once and before this work is done.
   */
  run(programs: readonly Program[], copies?: readonly Copy[]): Promise<void>;
  /** Reads bytes back, after everything that was run before. @throws GorpError `device/lost`. */
  read(range: BufferRange): Promise<ArrayBuffer>;

  /**
   * Sets whether kernels may round operands of products to 16-bit floats; by default they may not.
   *
   * @throws GorpError `device/no-f16` when allowed but unsupported.
   */
  allowHalves(allowed: boolean): void;
  /** Throws GorpError `device/lost` once the device is gone, `device/invalid-operation` once it has refused work. */
  check(): void;
  /** Rejects with GorpError `device/lost` when the device is lost unexpectedly; pending otherwise. */
  readonly lost: Promise<never>;
  /** Ends measurements, and resolves when their memory is freed. */
  settle(): Promise<void>;
  /** Settles, then frees every buffer and the device. */
  destroy(): Promise<void>;
}
