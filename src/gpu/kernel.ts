/** A compute kernel as data. The same text gives the same pipeline, so shapes travel in `params`, not in the WGSL. */
export interface Kernel {
  /** Family and variant, such as `matmul/nt-8x8`. */
  readonly name: string;
  /** Complete WGSL with entry point `main`. Group 0: binding 0 is the uniform `params`, tensors follow from 1. */
  readonly wgsl: string;
}

/** A scalar of a kernel's `params` struct. */
export type Param = { readonly u32: number } | { readonly f32: number };
export const u32 = (value: number): Param => ({ u32: value });
export const f32 = (value: number): Param => ({ f32: value });

/** How many workgroups to start in x, y and z. */
export type Workgroups = readonly [number, number, number];

/** A kernel and how it is called, but for the tensors. */
export interface KernelPlan {
  readonly kernel: Kernel;
  readonly params: readonly Param[];
  readonly workgroups: Workgroups;
}

/** Most workgroups in one dimension that WebGPU guarantees. */
const MAX_WORKGROUPS = 65_535;

/**
 * Workgroups for `threads` independent threads in workgroups of `size`. Kernels recover the flat index as
 * `(w.y * grid.x + w.x) * size + local`, so more than 65,535 workgroups spread over two dimensions.
 */
export function flatWorkgroups(threads: number, size: number): Workgroups {
  const groups = Math.max(1, Math.ceil(threads / size));
  const rows = Math.ceil(groups / MAX_WORKGROUPS);
  return [Math.ceil(groups / rows), rows, 1];
}

/** Compiled pipelines of one device, by WGSL text. */
export class PipelineCache {
  #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #compiling = new Set<Promise<void>>();

  constructor(private readonly device: GPUDevice) {}

  get size(): number {
    return this.#pipelines.size;
  }

  /** The pipeline of a kernel, compiled at most once. @throws Error with the shader's name and the compiler's message. */
  get(kernel: Kernel): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(kernel.wgsl);
    if (pipeline === undefined) {
      pipeline = this.#compile(kernel);
      this.#pipelines.set(kernel.wgsl, pipeline);
      const compiling: Promise<void> = pipeline
        .catch(() => undefined) // heard by whoever has asked for it
        .then(() => void this.#compiling.delete(compiling));
      this.#compiling.add(compiling);
    }
    return pipeline;
  }

  /** Resolves when nothing is being compiled. */
  async idle(): Promise<void> {
    while (this.#compiling.size > 0) await Promise.all(this.#compiling);
  }

  async #compile(kernel: Kernel): Promise<GPUComputePipeline> {
    const module = this.device.createShaderModule({ label: kernel.name, code: kernel.wgsl });
    try {
      return await this.device.createComputePipelineAsync({
        label: kernel.name,
        layout: 'auto',
        compute: { module, entryPoint: 'main' },
      });
    } catch (cause) {
      const { messages } = await module.getCompilationInfo();
      const detail = messages.map((m) => `${m.lineNum}:${m.linePos} ${m.message}`).join('\n');
      throw new Error(`kernel ${kernel.name} does not compile:\n${detail}`, { cause });
    }
  }
}
