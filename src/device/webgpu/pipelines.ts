import grid from '../../../shaders/grid.wgsl?raw';
import type { Kernel } from '../kernel.ts';
import { fillTemplate } from '../template.ts';

/** Compiled pipelines of one device, by WGSL text. */
export class PipelineCache {
  readonly #device: GPUDevice;
  #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /**
   * The pipeline of a kernel, compiled at most once.
   *
   * @param immediate as in {@link wgslOf}.
   * @throws Error with the shader's name and the compiler's message.
   */
  get(kernel: Kernel, immediate = false): Promise<GPUComputePipeline> {
    const wgsl = wgslOf(kernel, immediate);
    let pipeline = this.#pipelines.get(wgsl);
    if (pipeline === undefined) {
      pipeline = this.#compile(kernel.name, wgsl);
      this.#pipelines.set(wgsl, pipeline);
    }
    return pipeline;
  }

  async #compile(name: string, code: string): Promise<GPUComputePipeline> {
    const module = this.#device.createShaderModule({ label: name, code });
    try {
      return await this.#device.createComputePipelineAsync({
        label: name,
        layout: 'auto',
        compute: { module, entryPoint: 'main' },
      });
    } catch (cause) {
      const { messages } = await module.getCompilationInfo();
      const detail = messages.map((m) => `${m.lineNum}:${m.linePos} ${m.message}`).join('\n');
      throw new Error(`kernel ${name} does not compile:\n${detail}`, { cause });
    }
  }
}

/**
 * The complete WGSL of a kernel, including `shaders/grid.wgsl`.
 *
 * @param immediate whether its parameters are immediates; otherwise they are in a uniform buffer.
 */
export function wgslOf({ name, wgsl }: Kernel, immediate = false): string {
  if (wgsl === undefined) throw new Error(`kernel ${name} has no WGSL`);
  return `${wgsl()}\n${fillTemplate(grid, { IMMEDIATE: immediate })}`;
}
