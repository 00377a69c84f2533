import { type BufferRange, type OwnedBuffer, wholeOf } from '../device/buffers.ts';
import { type Kernel, u32 } from '../device/kernel.ts';
import { BUFFER_USAGE, type Gpu } from '../device/webgpu/gpu.ts';
import { GpuProgram } from '../device/webgpu/program.ts';
import { type Clock, takeTurns, type Timing } from './timing.ts';

/** Runs programs and reads one of their numbers back, all in one submit: the least that a step costs. */
export class SubmitAndRead {
  readonly #gpu: Gpu;
  readonly #staging: OwnedBuffer;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.#staging = gpu.buffers.create('number read back', 4, BUFFER_USAGE.MAP_READ | BUFFER_USAGE.COPY_DST);
  }

  /** @param from location of the f32. @returns it, when the GPU is done. @throws GorpError as {@link Gpu.check}. */
  async run(program: GpuProgram, from: BufferRange): Promise<number> {
    this.#gpu.check();
    const [staging, source] = [this.#staging, from.buffer].map((buffer) => this.#gpu.buffers.memoryOf(buffer));
    const encoder = this.#gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    program.encode(pass);
    pass.end();
    encoder.copyBufferToBuffer(source, from.offset, staging, 0, 4);
    this.#gpu.device.queue.submit([encoder.finish()]);
    await Promise.race([staging.mapAsync(GPUMapMode.READ, 0, 4), this.#gpu.lost]);
    const [value] = new Float32Array(staging.getMappedRange(0, 4).slice(0));
    staging.unmap();
    return value;
  }

  destroy(): void {
    this.#staging.destroy();
  }
}

/** Reads its parameter, so that the binding exists, and computes nothing. */
const IDLE: Kernel = {
  name: 'bench/idle',
  wgsl: () => `
struct Params { grid: Grid, go: u32 }
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(1) fn main() { if (p.go == 1u) { x[0] = 1.0; } }`,
};

/** Times a step of that many dispatches that compute nothing: one submit, and four bytes read back. */
export async function apiOverhead(gpu: Gpu, clock: Clock, dispatches: number, rounds: number): Promise<Timing> {
  const buffer = gpu.buffers.storage('idle', 16);
  const reader = new SubmitAndRead(gpu);
  let program: GpuProgram | undefined;
  try {
    const range = wholeOf(buffer);
    const idle = { kernel: IDLE, params: [u32(0)], tensors: [range], workgroups: [1, 1, 1] as const };
    const recorded = (program = await GpuProgram.record(gpu, 'idle', new Array<typeof idle>(dispatches).fill(idle)));
    const run = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) await reader.run(recorded, range);
    };
    const [timing] = await takeTurns(clock, [{ name: `${dispatches} idle dispatches`, run }], rounds);
    return timing;
  } finally {
    program?.destroy();
    reader.destroy();
    buffer.destroy();
  }
}
