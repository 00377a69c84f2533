import type { BufferRange, OwnedBuffer } from '../device/buffers.ts';
import type { Gpu } from '../device/webgpu/gpu.ts';
import type { GpuProgram } from '../device/webgpu/program.ts';
import { BUFFER_USAGE } from '../device/webgpu/usage.ts';

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
