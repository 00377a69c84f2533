import type { OwnedBuffer } from '../buffers.ts';
import type { Program } from '../device.ts';
import { buffersOf, type Dispatch, u32, wordsOf, type Workgroups } from '../kernel.ts';
import { BUFFER_USAGE, type Gpu } from './gpu.ts';
import { type Call, encodeCalls } from './submitter.ts';

/** The alignment of uniform bindings that WebGPU guarantees: the space for the parameters of one kernel. */
const UNIFORM_ALIGNMENT = 256;
const ONE_WORKGROUP: Workgroups = [1, 1, 1];

/**
 * Bytes of the parameters of dispatches, one uniform binding each. Those that are immediates need none, but memory plans
 * count all: they know a device by its kind and limits.
 */
export const bytesOfUniforms = ({ length }: readonly unknown[]): number => Math.max(1, length) * UNIFORM_ALIGNMENT;

/** A dispatch with its pipeline and its parameters, which are immediates or lie in a uniform buffer. */
interface Prepared extends Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly workgroups: Workgroups;
  readonly parameters: Uint32Array<ArrayBuffer>;
  readonly isImmediate: boolean;
}

/** Compiles what dispatches need. @throws Error as {@link PipelineCache.get}. */
export const prepare = ({ pipelines, immediateBytes }: Gpu, dispatches: readonly Dispatch[]): Promise<Prepared[]> =>
  Promise.all(
    dispatches.map(async (dispatch) => {
      const { kernel, params, workgroups = ONE_WORKGROUP } = dispatch;
      const grid = [0, 0, 0, workgroups[0]].map(u32); // `Grid` of `shaders/grid.wgsl`, for a whole call
      const words = wordsOf([...grid, ...params]);
      const isImmediate = words.byteLength <= immediateBytes;
      // Some forms of a kernel need only the first of its `Params`, but WebGPU asks for all of them.
      const parameters = new Uint32Array(isImmediate ? immediateBytes / 4 : words.length);
      parameters.set(words);
      const pipeline = await pipelines.get(kernel, isImmediate);
      return { ...dispatch, workgroups, parameters, isImmediate, pipeline };
    }),
  );

/** A list of dispatches, recorded once and replayed: encoding it allocates nothing and compiles nothing. */
export class GpuProgram implements Program {
  readonly #ledger: Gpu['buffers'];
  readonly #calls: readonly Call[];
  readonly #uniforms: OwnedBuffer;
  /** Those of the tensors. */
  readonly #buffers: readonly OwnedBuffer[];

  private constructor(
    { device, buffers: ledger }: Gpu,
    readonly name: string,
    dispatches: readonly Prepared[],
  ) {
    this.#ledger = ledger;
    this.#buffers = buffersOf(dispatches);
    const bytes = bytesOfUniforms(dispatches.filter(({ isImmediate }) => !isImmediate));
    this.#uniforms = ledger.create(`${name} parameters`, bytes, BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST);
    const memory = ledger.memoryOf(this.#uniforms);
    const contents = new Uint32Array(bytes / 4);
    let end = 0;
    const layouts = new Map<GPUComputePipeline, GPUBindGroupLayout>(); // few kernels serve many dispatches
    const layoutOf = (pipeline: GPUComputePipeline): GPUBindGroupLayout => {
      const layout = layouts.get(pipeline) ?? pipeline.getBindGroupLayout(0);
      layouts.set(pipeline, layout);
      return layout;
    };
    try {
      this.#calls = dispatches.map((dispatch): Call => {
        const { pipeline, parameters, isImmediate, tensors, workgroups } = dispatch;
        const entries: GPUBindGroupEntry[] = tensors.map(({ buffer, offset, bytes: size }, t) => ({
          binding: t + 1,
          resource: { buffer: ledger.memoryOf(buffer), offset, size },
        }));
        const uniform = isImmediate ? undefined : { buffer: memory, offset: end };
        if (uniform) {
          entries.push({ binding: 0, resource: { ...uniform, size: UNIFORM_ALIGNMENT } });
          contents.set(parameters, end / 4);
          end += UNIFORM_ALIGNMENT;
        }
        const bindGroup = device.createBindGroup({ layout: layoutOf(pipeline), entries });
        const pieces = Math.max(...workgroups);
        return { pipeline, bindGroup, workgroups, pieces, cost: costOf(dispatch), parameters, uniform };
      });
      device.queue.writeBuffer(memory, 0, contents);
    } catch (error) {
      this.#uniforms.destroy();
      throw error;
    }
  }

  /** Compiles what is new, writes the parameters, and makes the bind groups. */
  static async record(gpu: Gpu, name: string, dispatches: readonly Dispatch[]): Promise<GpuProgram> {
    return new GpuProgram(gpu, name, await prepare(gpu, dispatches));
  }

  get dispatchCount(): number {
    return this.#calls.length;
  }

  /**
   * The calls to submit.
   *
   * @throws Error when a buffer that it reads or writes has been destroyed.
   */
  get calls(): readonly Call[] {
    this.#ledger.checkProgram(this.name, this.#buffers);
    return this.#calls;
  }

  /** Encodes all calls into an open compute pass. @throws Error as {@link calls}; nothing is encoded then. */
  encode(pass: GPUComputePassEncoder): void {
    encodeCalls(pass, this.calls);
  }

  destroy(): void {
    this.#uniforms.destroy();
  }
}

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
