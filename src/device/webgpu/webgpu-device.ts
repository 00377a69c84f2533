import { GorpError } from '../../base/errors.ts';
import type { BufferRange, Buffers, OwnedBuffer } from '../buffers.ts';
import type { Copy, Device, DeviceFacts, MemoryLimits, Program, Values } from '../device.ts';
import type { Dispatch } from '../kernel.ts';
import type { Planner } from '../kernel-planner.ts';
import { type Adapter, type Gpu, openAdapter } from './gpu.ts';
import { GpuPlanner } from './gpu-planner.ts';
import { GpuProgram } from './program.ts';
import { readBytes } from './readback.ts';
import { type PaceOptions, Submitter } from './submitter.ts';
import { type OnMeasured, Tuner, type TuningHost } from './tune.ts';

// Maximum bytes per write: of larger pieces, the page, the transfer and the driver would each hold a copy.
const PIECE = 2 ** 24;

/** The device of a graphics adapter: WGSL kernels, chosen by measurement where there is a tuner, submitted in slices. */
export class WebGpuDevice implements Device {
  readonly planner: Planner;
  readonly #submitter: Submitter;
  readonly #tuner: Tuner | undefined;

  constructor(
    readonly gpu: Gpu,
    options: Partial<PaceOptions> = {},
    tuner?: Tuner,
  ) {
    this.#tuner = tuner;
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
    let dispatches = plan();
    if (this.#tuner && this.gpu.tuning.wanted.length > 0) {
      await this.#tuner.measure();
      dispatches = plan();
    }
    return GpuProgram.record(this.gpu, name, dispatches);
  }

  async prepare(report: OnMeasured): Promise<void> {
    await this.#tuner?.measure(report);
  }

  run(programs: readonly Program[], copies: readonly Copy[] = []): Promise<void> {
    const { buffers, turns } = this.gpu;
    const calls = programs.flatMap((program) => ownProgram(program).calls);
    const memory = copies.map(({ from, to, ...copy }) => ({
      ...copy,
      from: buffers.memoryOf(from),
      to: buffers.memoryOf(to),
    }));
    return turns.follow(() => this.#submitter.submit(calls, memory));
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
    return this.#tuner?.stop() ?? Promise.resolve();
  }

  async destroy(): Promise<void> {
    await this.settle();
    await this.gpu.destroy();
  }
}

/** @throws Error when the program belongs to another device. */
export function ownProgram(program: Program): GpuProgram {
  if (!(program instanceof GpuProgram)) throw new Error(`${program.name} is a program of another device`);
  return program;
}

/**
 * Opens an adapter whose kernels are chosen by measurement.
 *
 * @param share of the time that the device may be busy.
 * @throws GorpError `gpu/no-device`.
 */
export async function openWebGpu(adapter: Adapter, tuning: TuningHost, share = 1): Promise<WebGpuDevice> {
  const gpu = await openAdapter(adapter);
  return new WebGpuDevice(gpu, { now: tuning.now, share }, await Tuner.open(gpu, tuning));
}
