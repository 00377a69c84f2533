import { GorpError } from '../../base/errors.ts';
import type { BufferRange, Buffers, OwnedBuffer } from '../buffers.ts';
import type { Copy, Device, DeviceFacts, MemoryLimits, Program, Values } from '../device.ts';
import type { Dispatch } from '../kernel.ts';
import type { Planner } from '../planner.ts';
import { type Gpu, openAdapter } from './gpu.ts';
import { GpuPlanner } from './planner.ts';
import { GpuProgram, submit } from './program.ts';
import { readBytes } from './readback.ts';
import { tuneGpu, type TuningHost } from './tune.ts';

/** The device of a graphics adapter: WGSL kernels, chosen by measurement. */
export class WebGpuDevice implements Device {
  readonly planner: Planner;

  constructor(readonly gpu: Gpu) {
    this.planner = new GpuPlanner(gpu.tuning);
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
    this.gpu.device.queue.writeBuffer(this.gpu.buffers.memoryOf(buffer), offset, values);
  }

  clear(buffer: OwnedBuffer): void {
    const encoder = this.gpu.device.createCommandEncoder();
    encoder.clearBuffer(this.gpu.buffers.memoryOf(buffer));
    this.gpu.device.queue.submit([encoder.finish()]);
  }

  async record(name: string, plan: () => readonly Dispatch[]): Promise<Program> {
    const { version } = this.gpu.tuning;
    const program = await GpuProgram.record(this.gpu, name, plan());
    return new FollowingProgram(this.gpu, program, plan, version);
  }

  run(programs: readonly Program[], copies: readonly Copy[] = []): Promise<void> {
    submit(
      this.gpu,
      programs.map((program) => this.programOf(program)),
      copies,
    );
    return Promise.resolve();
  }

  /**
   * What a program runs now.
   *
   * @throws Error when it is a program of another device, or when it could not be given the kernels that are chosen, by a
   *   mistake of this program; GorpError `device/lost` where that is the cause.
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
        'The settings ask for products of 16-bit floats, which this graphics adapter cannot compute (it lacks shader-f16).',
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

/** Opens an adapter whose kernels are chosen by measurement. @throws GorpError `gpu/no-device`. */
export async function openWebGpu(adapter: GPUAdapter, tuning: TuningHost): Promise<WebGpuDevice> {
  const gpu = await openAdapter(adapter);
  await tuneGpu(gpu, tuning);
  return new WebGpuDevice(gpu);
}

/**
 * A program that takes the kernels that are measured to be best as they become known. What cannot be had, since the
 * device is out of memory or cannot compile it, leaves it as it is: it computes the same. Anything else that fails is a
 * mistake of this program, and is told when the program is to run.
 */
class FollowingProgram implements Program {
  #version: number;
  #fault: Error | undefined;
  #isAtIt = false;
  readonly #unfollow: () => void;

  /** @param version of the choices that the program was recorded with. */
  constructor(
    private readonly gpu: Gpu,
    private readonly program: GpuProgram,
    private readonly plan: () => readonly Dispatch[],
    version: number,
  ) {
    this.#version = version;
    this.#unfollow = gpu.tuning.follow(version, () => this.#update());
  }

  get name(): string {
    return this.program.name;
  }

  get dispatchCount(): number {
    return this.program.dispatchCount;
  }

  /** What is to run. @throws as {@link WebGpuDevice.programOf}. */
  current(): GpuProgram {
    if (this.#fault === undefined) return this.program;
    this.gpu.check(); // on a lost device much fails that is no mistake
    throw this.#fault;
  }

  async #update(): Promise<void> {
    if (this.#isAtIt) return; // the update that is under way sees the new version, too
    this.#isAtIt = true;
    try {
      while (this.#version !== this.gpu.tuning.version) {
        this.#version = this.gpu.tuning.version;
        await this.program.replace(this.plan());
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
    this.program.destroy();
  }
}
