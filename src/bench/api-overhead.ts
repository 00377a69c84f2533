import type { Gpu } from '../device/webgpu/gpu.ts';
import { wholeOf } from '../device/buffers.ts';
import { type Kernel, u32 } from '../device/kernel.ts';
import { GpuProgram } from '../device/webgpu/program.ts';
import { SubmitAndRead } from './submit-and-read.ts';
import { type Clock, takeTurns, type Timing } from './timing.ts';

/** Reads its parameter, so that the binding exists, and computes nothing. */
const IDLE: Kernel = {
  name: 'bench/idle',
  wgsl: () => `
struct Params { grid: Grid, go: u32 }
@group(0) @binding(0) var<uniform> p: Params;
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
