import { mixSeed, seededRandom } from '../../src/base/random.ts';
import type { Dispatch, Workgroups } from '../../src/device/kernel.ts';
import { wgslOf } from '../../src/device/webgpu/pipelines.ts';
import { instrument, type InstrumentedKernel, type Site, TRACE_BINDING } from './instrument.ts';
import { type Traffic, trafficOf } from './sectors.ts';

/** What a dispatch moves, extrapolated from some of its workgroups. */
export interface TracedDispatch {
  readonly sites: readonly Site[];
  /** Of all workgroups, by site. */
  readonly traffic: readonly Traffic[];
  readonly threadsOfGroup: number;
}

// Bytes of a buffer that stands for all tensors of a type.
const POOL_BYTES = 2 ** 20;
const UNIFORM_BYTES = 256;
// Workgroups that are traced: edges differ from the middle, and with a causal mask the first from the last.
const TRACED_GROUPS = 3;

/**
 * Runs instrumented kernels, a few workgroups of each. Tensors are small buffers of random numbers, and of ascending
 * ids where they hold integers, so that a model of any size can be traced.
 */
export class Tracer {
  readonly #device: GPUDevice;
  readonly #kernels = new Map<string, Promise<{ kernel: InstrumentedKernel; pipeline: GPUComputePipeline }>>();
  readonly #floats: GPUBuffer;
  readonly #integers: GPUBuffer;
  readonly #uniform: GPUBuffer;

  constructor(device: GPUDevice) {
    this.#device = device;
    const { COPY_DST, STORAGE, UNIFORM } = GPUBufferUsage;
    const pool = (values: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): GPUBuffer => {
      const buffer = device.createBuffer({ size: POOL_BYTES, usage: STORAGE | COPY_DST });
      device.queue.writeBuffer(buffer, 0, values);
      return buffer;
    };
    const random = seededRandom(mixSeed(1, 'access'));
    this.#floats = pool(Float32Array.from({ length: POOL_BYTES / 4 }, () => 2 * random.next() - 1));
    // Seven apart, as ids of tokens or beginnings of lists might be; the first is 0, as a position.
    this.#integers = pool(Uint32Array.from({ length: POOL_BYTES / 4 }, (_, i) => (7 * i) % 30_000));
    this.#uniform = device.createBuffer({ size: UNIFORM_BYTES * TRACED_GROUPS, usage: UNIFORM | COPY_DST });
  }

  async trace(dispatch: Dispatch): Promise<TracedDispatch> {
    const { kernel, pipeline } = await this.#instrumented(wgslOf(dispatch.kernel));
    const { sites, threads, traceWords } = kernel;
    const workgroups = dispatch.workgroups ?? [1, 1, 1];
    const groups = someOf(workgroups);
    const traces = await this.#run(dispatch, kernel, pipeline, groups);
    const lengths = sites.map(({ buffer }) => dispatch.tensors[buffer.binding - 1].bytes / buffer.stride);
    const sums = sites.map(() => ({ moved: 0, needed: 0 }));
    const share = workgroups.reduce((a, b) => a * b) / groups.length;
    for (let g = 0; g < groups.length; g++) {
      const trace = traces.subarray(g * traceWords, (g + 1) * traceWords);
      for (const [site, { moved, needed }] of trafficOf(trace, sites, threads, lengths).entries()) {
        sums[site].moved += share * moved;
        sums[site].needed += share * needed;
      }
    }
    return { sites, traffic: sums, threadsOfGroup: threads };
  }

  #instrumented(wgsl: string): Promise<{ kernel: InstrumentedKernel; pipeline: GPUComputePipeline }> {
    const compile = async (): Promise<{ kernel: InstrumentedKernel; pipeline: GPUComputePipeline }> => {
      const kernel = instrument(wgsl);
      const module = this.#device.createShaderModule({ code: kernel.wgsl });
      const compute = { module, entryPoint: 'main' };
      return { kernel, pipeline: await this.#device.createComputePipelineAsync({ layout: 'auto', compute }) };
    };
    const known = this.#kernels.get(wgsl) ?? compile();
    this.#kernels.set(wgsl, known);
    return known;
  }

  /** Runs some workgroups one after another. @returns the trace of each. */
  async #run(
    { params, workgroups = [1, 1, 1] }: Dispatch,
    { pools, traceWords }: InstrumentedKernel,
    pipeline: GPUComputePipeline,
    groups: readonly Workgroups[],
  ): Promise<Uint32Array> {
    const device = this.#device;
    const uniforms = new DataView(new ArrayBuffer(UNIFORM_BYTES * groups.length));
    for (const [g, origin] of groups.entries()) {
      const words = [...[...origin, workgroups[0]].map((value) => ({ u32: value })), ...params];
      for (const [i, word] of words.entries()) {
        if ('u32' in word) uniforms.setUint32(g * UNIFORM_BYTES + i * 4, word.u32, true);
        else uniforms.setFloat32(g * UNIFORM_BYTES + i * 4, word.f32, true);
      }
    }
    device.queue.writeBuffer(this.#uniform, 0, uniforms.buffer);
    const { COPY_DST, COPY_SRC, MAP_READ, STORAGE } = GPUBufferUsage;
    const bytes = traceWords * 4;
    const trace = device.createBuffer({ size: bytes, usage: STORAGE | COPY_SRC | COPY_DST });
    const read = device.createBuffer({ size: bytes * groups.length, usage: MAP_READ | COPY_DST });
    const encoder = device.createCommandEncoder();
    for (const g of groups.keys()) {
      const entries: GPUBindGroupEntry[] = pools.map(({ binding, type }) => {
        return { binding, resource: { buffer: /^[iu]32$|u$/.test(type) ? this.#integers : this.#floats } };
      });
      encoder.clearBuffer(trace);
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      const uniform = { buffer: this.#uniform, offset: g * UNIFORM_BYTES, size: UNIFORM_BYTES };
      entries.push({ binding: 0, resource: uniform }, { binding: TRACE_BINDING, resource: { buffer: trace } });
      pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(1);
      pass.end();
      encoder.copyBufferToBuffer(trace, 0, read, g * bytes, bytes);
    }
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(GPUMapMode.READ);
    const words = new Uint32Array(read.getMappedRange().slice(0));
    for (const buffer of [trace, read]) buffer.destroy();
    return words;
  }

  destroy(): void {
    for (const buffer of [this.#floats, this.#integers, this.#uniform]) buffer.destroy();
  }
}

/** Positions of some workgroups, evenly spread over the grid. */
function someOf([x, y, z]: Workgroups): Workgroups[] {
  const all = x * y * z;
  const count = Math.min(TRACED_GROUPS, all);
  return Array.from({ length: count }, (_, i) => {
    const flat = Math.floor(((i + 0.5) * all) / count);
    return [flat % x, Math.floor(flat / x) % y, Math.floor(flat / (x * y))];
  });
}
