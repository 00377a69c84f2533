import type { OwnedBuffer } from '../buffers.ts';
import type { Program } from '../device.ts';
import { buffersOf, type Dispatch, type Param, u32, type Workgroups } from '../kernel.ts';
import { BUFFER_USAGE, type Gpu } from './gpu.ts';
import { type Call, encodeCalls } from './submitter.ts';

/** The alignment of uniform bindings that WebGPU guarantees: the space for the parameters of one kernel. */
const UNIFORM_ALIGNMENT = 256;
const ONE_WORKGROUP: Workgroups = [1, 1, 1];

/** Bytes of the parameters of a program's dispatches: one uniform binding each. */
export const bytesOfUniforms = ({ length }: readonly Dispatch[]): number => Math.max(1, length) * UNIFORM_ALIGNMENT;

/** The parts of a program: its calls, their parameters and the buffers of the tensors. */
interface Recording {
  readonly calls: readonly Call[];
  readonly uniforms: OwnedBuffer;
  readonly buffers: readonly OwnedBuffer[];
}

/** A list of dispatches, recorded once and replayed: encoding it allocates nothing and compiles nothing. */
export class GpuProgram implements Program {
  readonly #gpu: Gpu;
  readonly #recording: Recording;

  private constructor(
    gpu: Gpu,
    readonly name: string,
    recording: Recording,
  ) {
    this.#gpu = gpu;
    this.#recording = recording;
  }

  /** Compiles what is new, writes the parameters, and makes the bind groups. */
  static async record(gpu: Gpu, name: string, dispatches: readonly Dispatch[]): Promise<GpuProgram> {
    const pipelines = await pipelinesOf(gpu, dispatches);
    return new GpuProgram(gpu, name, record(gpu, name, dispatches, pipelines));
  }

  get dispatchCount(): number {
    return this.#recording.calls.length;
  }

  /**
   * The calls to submit.
   *
   * @throws Error when a buffer that it reads or writes has been destroyed.
   */
  get calls(): readonly Call[] {
    this.#gpu.buffers.checkProgram(this.name, this.#recording.buffers);
    return this.#recording.calls;
  }

  /** Encodes all calls into an open compute pass. @throws Error as {@link calls}; nothing is encoded then. */
  encode(pass: GPUComputePassEncoder): void {
    encodeCalls(pass, this.calls);
  }

  destroy(): void {
    this.#recording.uniforms.destroy();
  }
}

const pipelinesOf = (gpu: Gpu, dispatches: readonly Dispatch[]): Promise<GPUComputePipeline[]> =>
  Promise.all(dispatches.map(({ kernel }) => gpu.pipelines.get(kernel)));

function record(
  gpu: Gpu,
  name: string,
  dispatches: readonly Dispatch[],
  pipelines: readonly GPUComputePipeline[],
): Recording {
  const bytes = bytesOfUniforms(dispatches);
  const uniforms = gpu.buffers.create(`${name} parameters`, bytes, BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST);
  const parameters = gpu.buffers.memoryOf(uniforms);
  const contents = new DataView(new ArrayBuffer(bytes));
  const layouts = new Map<GPUComputePipeline, GPUBindGroupLayout>(); // few kernels serve many dispatches
  const layoutOf = (pipeline: GPUComputePipeline): GPUBindGroupLayout => {
    const layout = layouts.get(pipeline) ?? pipeline.getBindGroupLayout(0);
    layouts.set(pipeline, layout);
    return layout;
  };
  try {
    const recorded = dispatches.map((dispatch, i): Call => {
      const { params, tensors, workgroups = ONE_WORKGROUP } = dispatch;
      const offset = i * UNIFORM_ALIGNMENT;
      [...gridOf(workgroups), ...params].forEach((param, p) => {
        if ('u32' in param) contents.setUint32(offset + p * 4, param.u32, true);
        else contents.setFloat32(offset + p * 4, param.f32, true);
      });
      const entries: GPUBindGroupEntry[] = [
        { binding: 0, resource: { buffer: parameters, offset, size: UNIFORM_ALIGNMENT } },
        ...tensors.map(({ buffer, offset, bytes: size }, t) => ({
          binding: t + 1,
          resource: { buffer: gpu.buffers.memoryOf(buffer), offset, size },
        })),
      ];
      const bindGroup = gpu.device.createBindGroup({ layout: layoutOf(pipelines[i]), entries });
      const pieces = Math.max(...workgroups);
      return {
        pipeline: pipelines[i],
        bindGroup,
        workgroups,
        pieces,
        cost: costOf(dispatch),
        parameters: { buffer: parameters, offset },
      };
    });
    gpu.device.queue.writeBuffer(parameters, 0, contents.buffer);
    return { calls: recorded, uniforms, buffers: buffersOf(dispatches) };
  } catch (error) {
    uniforms.destroy();
    throw error;
  }
}

/** The start of the parameters: `Grid` of `shaders/grid.wgsl`, for a whole call. */
const gridOf = ([width]: Workgroups): Param[] => [0, 0, 0, width].map(u32);

/** Approximate operations of a dispatch; if unstated, one for each float of its tensors. */
const costOf = ({ cost, tensors }: Dispatch): number => cost ?? tensors.reduce((sum, { bytes }) => sum + bytes / 4, 0);

/** Submits programs at once and whole, ahead of queued work: for programs known to be short. */
export function submitWhole(gpu: Gpu, programs: readonly GpuProgram[]): void {
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const program of programs) program.encode(pass);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
}
