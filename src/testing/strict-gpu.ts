import { type Gpu, openAdapter } from '../device/webgpu/gpu.ts';

interface StrictBuffer {
  readonly label: string;
  isDestroyed: boolean;
  destroy(): void;
}
interface BindGroup {
  readonly buffers: readonly StrictBuffer[];
}

/** A device that computes nothing but is as strict about destroyed buffers as the strictest browser. */
export interface StrictGpu {
  readonly gpu: Gpu;
  /** The calls that it has refused so far, which it also reports as an uncaptured error, like a real device. */
  readonly refused: readonly string[];
  /** Labels of the pipelines of each accepted submit. */
  readonly submits: readonly (readonly string[])[];
  /** Suspends compilation from now on. @returns a function that resumes it. */
  holdCompiling(): () => void;
}

/**
 * Opens such a device. Browsers refuse a bind group with a destroyed buffer at creation (Firefox) or at submission
 * (Chrome); this device does both, and refuses writes and copies too.
 *
 * @param description of its adapter.
 */
export async function openStrictGpu(description = 'strict'): Promise<StrictGpu> {
  const refused: string[] = [];
  const submits: string[][] = [];
  let held = Promise.resolve();
  const refuse = (message: string): void => {
    refused.push(message);
    device.onuncapturederror?.({ error: { message } });
  };
  const checkLive = (what: string, buffers: readonly StrictBuffer[]): boolean => {
    const gone = buffers.filter(({ isDestroyed }) => isDestroyed);
    for (const { label } of gone) refuse(`${what}: Buffer with "${label}" label has been destroyed`);
    return gone.length === 0;
  };
  const passOf = (used: StrictBuffer[], labels: string[]) => ({
    setPipeline: ({ label }: { label: string }) => void labels.push(label),
    setBindGroup: (_: number, { buffers }: BindGroup) => void used.push(...buffers),
    dispatchWorkgroups: () => undefined,
    end: () => undefined,
  });
  const device = {
    onuncapturederror: undefined as ((event: { error: { message: string } }) => void) | undefined,
    lost: new Promise<never>(() => undefined),
    features: new Set<string>(),
    limits: { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 30 },
    pushErrorScope: () => undefined,
    popErrorScope: () => Promise.resolve(null),
    createBuffer: ({ label }: { label: string }): StrictBuffer => ({
      label,
      isDestroyed: false,
      destroy() {
        this.isDestroyed = true;
      },
    }),
    createShaderModule: () => ({ getCompilationInfo: () => Promise.resolve({ messages: [] }) }),
    createComputePipelineAsync: async ({ label }: { label: string }) => {
      await held;
      return { label, getBindGroupLayout: () => ({}) };
    },
    createBindGroup: ({ entries }: { entries: { resource: { buffer: StrictBuffer } }[] }): BindGroup => {
      const buffers = entries.map(({ resource }) => resource.buffer);
      checkLive('createBindGroup', buffers);
      return { buffers };
    },
    createCommandEncoder: () => {
      const used: StrictBuffer[] = [];
      const labels: string[] = [];
      return {
        beginComputePass: () => passOf(used, labels),
        clearBuffer: (buffer: StrictBuffer) => void used.push(buffer),
        copyBufferToBuffer: (from: StrictBuffer, _: number, to: StrictBuffer) => void used.push(from, to),
        finish: () => ({ used, labels }),
      };
    },
    queue: {
      writeBuffer: (buffer: StrictBuffer) => void checkLive('writeBuffer', [buffer]),
      submit: (commands: { used: StrictBuffer[]; labels: string[] }[]) => {
        for (const { used, labels } of commands) if (checkLive('submit', used)) submits.push(labels);
      },
      onSubmittedWorkDone: () => Promise.resolve(),
    },
    destroy: () => undefined,
  };
  const adapter = {
    info: { vendor: 'test', architecture: '', description, device: '' },
    features: new Set<string>(),
    limits: device.limits,
    requestDevice: () => Promise.resolve(device),
  };
  const gpu = await openAdapter(adapter as unknown as GPUAdapter); // the parts of WebGPU that programs use
  const holdCompiling = (): (() => void) => {
    let release = (): void => undefined;
    held = new Promise((resolve) => (release = resolve));
    return release;
  };
  return { gpu, refused, submits, holdCompiling };
}
