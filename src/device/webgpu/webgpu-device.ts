import { GorpError } from '../../base/errors.ts';
import type { BufferRange, Buffers, OwnedBuffer } from '../buffers.ts';
import type { Copy, Device, DeviceFacts, MemoryLimits, Program, Values } from '../device.ts';
import type { Dispatch } from '../kernel.ts';
import type { Planner } from '../planner.ts';
import { type Gpu, openAdapter } from './gpu.ts';
import { GpuPlanner } from './planner.ts';
import { GpuProgram } from './program.ts';
import { readBytes } from './readback.ts';
import { type PaceOptions, Submitter } from './submitter.ts';
import { tuneGpu, type TuningHost } from './tune.ts';

// Maximum bytes per write: of larger pieces, the page, the transfer and the driver would each hold a copy.
const PIECE = 2 ** 24;

/** The device of a graphics adapter: WGSL kernels, chosen by measurement, submitted in slices. */
export class WebGpuDevice implements Device {
  readonly planner: Planner;
  readonly #submitter: Submitter;

  constructor(
    readonly gpu: Gpu,
    options: Partial<PaceOptions> = {},
  ) {
    const { now = () => performance.now(), share = 1, ...rest } = options;
    this.planner = new GpuPlanner(gpu.tuning);
    this.#submitter = new Submitter(gpu.device, gpu.answers, gpu.lost, { now, share, ...rest });
  }

  get facts(): DeviceFacts {
    return this.gpu.facts;
  }

  get limits(): MemoryLimits {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.gpu.device.limits;
    return { buffer: Math.min(maxBufferSize, maxStorageBufferBindingSize), total: null };
  }

  get buffers(): Buffers {
    return this.gpu.buffers;
  }

  get lost(): Promise<never> {
    return this.gpu.lost;
  }

  write(buffer: OwnedBuffer, offset: number, values: Values): void {
    const { device, buffers, turns } = this.gpu;
    const memory = buffers.memoryOf(buffer);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const held = turns.isBusy ? bytes.slice() : bytes;
    turns.then(() => {
      for (let at = 0; at < held.length; at += PIECE) {
        device.queue.writeBuffer(memory, offset + at, held, at, Math.min(PIECE, held.length - at));
      }
    });
  }

  clear(buffer: OwnedBuffer): void {
    const memory = this.gpu.buffers.memoryOf(buffer);
    this.gpu.turns.then(() => {
      const encoder = this.gpu.device.createCommandEncoder();
      encoder.clearBuffer(memory);
      this.gpu.device.queue.submit([encoder.finish()]);
    });
  }

  async record(name: string, plan: () => readonly Dispatch[]): Promise<Program> {
    const { version } = this.gpu.tuning;
    const program = await GpuProgram.record(this.gpu, name, plan());
    return new FollowingProgram(this.gpu, program, plan, version);
  }

  run(programs: readonly Program[], copies: readonly Copy[] = []): Promise<void> {
    const { buffers, turns } = this.gpu;
    const calls = programs.flatMap((program) => this.programOf(program).calls);
    const memory = copies.map(({ from, to, ...copy }) => ({
      ...copy,
      from: buffers.memoryOf(from),
      to: buffers.memoryOf(to),
    }));
    return turns.follow(() => this.#submitter.submit(calls, memory));
  }

  /**
   * What a program currently runs.
   *
   * @throws Error when the program belongs to another device, or when a bug kept it from adopting the chosen kernels;
   *   GorpError `device/lost` if that is the cause.
   */
  programOf(program: Program): GpuProgram {
    if (!(program instanceof FollowingProgram)) throw new Error(`${program.name} is a program of another device`);
    return program.current();
  }

  read(range: BufferRange): Promise<ArrayBuffer> {
    return readBytes(this.gpu, range);
  }

  allowHalves(allowed: boolean): void {
    if (allowed && !this.gpu.device.features.has('shader-f16')) {
      throw new GorpError(
        'device/no-f16',
        'The settings require 16-bit products, which this graphics adapter cannot compute (it lacks shader-f16).',
        'Set Products (training.arithmetic) to f32 and start again, or use another adapter or driver.',
      );
    }
    this.gpu.tuning.halves = allowed;
  }

  check(): void {
    this.gpu.check();
  }

  settle(): Promise<void> {
    return this.gpu.tuning.stop();
  }

  breakOnPurpose(): void {
    this.gpu.device.destroy();
  }

  destroy(): Promise<void> {
    return this.gpu.destroy();
  }
}

/**
 * Opens an adapter whose kernels are chosen by measurement.
 *
 * @param share of the time that the device may be busy.
 * @throws GorpError `gpu/no-device`.
 */
export async function openWebGpu(adapter: GPUAdapter, tuning: TuningHost, share = 1): Promise<WebGpuDevice> {
  const gpu = await openAdapter(adapter);
  await tuneGpu(gpu, tuning);
  return new WebGpuDevice(gpu, { now: tuning.now, share });
}

/**
 * A program that adopts better kernels as they are measured. If the device lacks memory for them or cannot compile
 * them, it stays as it is and computes the same. Any other failure is a bug, reported when the program is next run.
 */
class FollowingProgram implements Program {
  readonly #gpu: Gpu;
  readonly #program: GpuProgram;
  readonly #plan: () => readonly Dispatch[];
  #version: number;
  #fault: Error | undefined;
  #isAtIt = false;
  readonly #unfollow: () => void;

  /** @param version of the choices with which the program was recorded. */
  constructor(gpu: Gpu, program: GpuProgram, plan: () => readonly Dispatch[], version: number) {
    this.#gpu = gpu;
    this.#program = program;
    this.#plan = plan;
    this.#version = version;
    this.#unfollow = gpu.tuning.follow(version, () => this.#update());
  }

  get name(): string {
    return this.#program.name;
  }

  get dispatchCount(): number {
    return this.#program.dispatchCount;
  }

  /** The program to run. @throws as {@link WebGpuDevice.programOf}. */
  current(): GpuProgram {
    if (this.#fault === undefined) return this.#program;
    this.#gpu.check(); // on a lost device, failures are not bugs
    throw this.#fault;
  }

  async #update(): Promise<void> {
    if (this.#isAtIt) return; // the running update sees the new version too
    this.#isAtIt = true;
    try {
      while (this.#version !== this.#gpu.tuning.version) {
        this.#version = this.#gpu.tuning.version;
        await this.#program.replace(this.#plan());
      }
    } catch (thrown) {
      if (!(thrown instanceof GorpError))
        this.#fault ??= new Error(`${this.name} takes no other kernels`, { cause: thrown });
    } finally {
      this.#isAtIt = false;
    }
  }

  destroy(): void {
    this.#unfollow();
    this.#program.destroy();
  }
}
