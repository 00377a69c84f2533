import { GorpError } from '../../base/errors.ts';
import { type Allocator, BufferLedger } from '../buffers.ts';
import type { DeviceFacts } from '../device.ts';
import { Turns } from '../turns.ts';
import { PipelineCache } from './pipelines.ts';
import { Tuning } from './tuning.ts';

/** WebGPU's buffer usage flags (GPUBufferUsage), so that memory can be planned without WebGPU. */
export const BUFFER_USAGE = {
  MAP_READ: 1,
  COPY_SRC: 4,
  COPY_DST: 8,
  UNIFORM: 64,
  STORAGE: 128,
  QUERY_RESOLVE: 512,
} as const;

/** An adapter's `info`; empty in browsers without it, such as Chrome up to 126. */
const infoOf = (adapter: GPUAdapter): Partial<GPUAdapterInfo> => (adapter as Partial<GPUAdapter>).info ?? {};

/** A graphics adapter, with what the WGSL of its WebGPU can do beyond the first version. */
export type Adapter = GPUAdapter & { readonly wgslLanguageFeatures?: ReadonlySet<string> };

/** A WebGPU device with its buffers, its pipelines and the report of its loss. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly facts: DeviceFacts;
  /** Bytes of parameters that a dispatch may take along; 0 where WebGPU has no immediates. */
  readonly immediateBytes: number;
  readonly buffers: BufferLedger<GPUBuffer>;
  readonly pipelines: PipelineCache;
  readonly tuning: Tuning;
  /** Delivers the device's answers promptly. */
  readonly answers: Answers;
  /** Orders the work for the device by call. */
  readonly turns: Turns;
  /** Throws GorpError `device/lost` once the device is gone, `device/invalid-operation` once it has refused work. */
  check(): void;
  /** Rejects with GorpError `device/lost` when the device is lost unexpectedly; pending otherwise. */
  readonly lost: Promise<never>;
  /** Frees every buffer and the device. */
  destroy(): Promise<void>;
}

const STORAGE = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_DST | BUFFER_USAGE.COPY_SRC;

/**
 * Allocates WebGPU buffers. `usage` is a set of {@link BUFFER_USAGE}; 0 is a storage buffer that the host writes and
 * copies. A buffer is freed after the work that is queued, since that may use it.
 */
export function gpuAllocator(device: GPUDevice, turns: Turns): Allocator<GPUBuffer> {
  return {
    limit: (usage) => {
      const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
      const isStorage = usage === 0 || (usage & BUFFER_USAGE.STORAGE) !== 0;
      return isStorage ? Math.min(maxBufferSize, maxStorageBufferBindingSize) : maxBufferSize;
    },
    allocate: (label, size, usage) => {
      device.pushErrorScope('out-of-memory');
      const memory = device.createBuffer({ label, size, usage: usage === 0 ? STORAGE : usage });
      return { memory, confirmed: device.popErrorScope().then((error) => error === null) };
    },
    free: (memory) => turns.then(() => memory.destroy()),
  };
}

const WANTED_FEATURES: GPUFeatureName[] = ['timestamp-query', 'shader-f16'];
// Limits raised to the adapter's; for all others the defaults suffice, including the number of storage buffers per
// kernel: some cards have only the eight that are guaranteed.
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
] as const;

/**
 * Requests the adapter to train on.
 *
 * @param gpu `navigator.gpu` in a browser, Dawn's in Node; undefined if there is none.
 * @throws GorpError `gpu/unsupported` or `gpu/no-adapter`.
 */
export async function requestAdapter(gpu: GPU | undefined): Promise<Adapter> {
  if (gpu === undefined) {
    throw new GorpError(
      'gpu/unsupported',
      'This browser has no WebGPU.',
      'Open the page in a current version of Chrome, Edge or Firefox, over https or on localhost, or train on the CPU.',
    );
  }
  // Some browsers reject instead of returning null.
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (adapter === null) {
    throw new GorpError(
      'gpu/no-adapter',
      'WebGPU found no graphics adapter that it may use.',
      'Turn on hardware acceleration in the browser settings, update the graphics driver, and look at chrome://gpu; or train on the CPU.',
    );
  }
  return Object.assign(adapter, { wgslLanguageFeatures: gpu.wgslLanguageFeatures });
}

/** Whether an adapter reports that it computes on the CPU. */
export function isSoftware(adapter: GPUAdapter): boolean {
  const { isFallbackAdapter = false, description, device, architecture } = infoOf(adapter);
  return (
    isFallbackAdapter ||
    /swiftshader|llvmpipe|lavapipe|basic render|warp/i.test([description, device, architecture].join(' '))
  );
}

/** Opens a device with every feature and limit that the kernels can use. @throws GorpError `gpu/no-device`. */
export async function openAdapter(adapter: Adapter): Promise<Gpu> {
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredFeatures: WANTED_FEATURES.filter((feature) => adapter.features.has(feature)),
      requiredLimits: limitsOf(adapter),
    });
  } catch (cause) {
    throw new GorpError(
      'gpu/no-device',
      'The graphics adapter refused to open a device.',
      'Close other programs that use the GPU, reload the page, and try again.',
      { cause },
    );
  }
  return wrapDevice(device, adapter);
}

/** The facts of a device that its adapter reports. */
export function factsOf(adapter: GPUAdapter): DeviceFacts {
  const { vendor = '', architecture = '', description = '', device = '' } = infoOf(adapter);
  return {
    kind: 'webgpu',
    vendor,
    architecture,
    description: description || device,
    software: isSoftware(adapter),
    features: [...adapter.features].sort(),
    limits: limitsOf(adapter),
  };
}

const limitsOf = ({ limits }: GPUAdapter): Record<string, number> =>
  Object.fromEntries(WANTED_LIMITS.map((name) => [name, limits[name]]));

/**
 * Devices that were lost, held until their worker ends: Chromium 150's worker crashes, seconds after the graphics
 * process did, when it collects the object of a lost device as garbage. The objects are small: what they owned is gone.
 */
const lostDevices: GPUDevice[] = [];

function wrapDevice(device: GPUDevice, adapter: Adapter): Gpu {
  const hasImmediates = adapter.wgslLanguageFeatures?.has('immediate_address_space') === true;
  const turns = new Turns();
  const buffers = new BufferLedger(gpuAllocator(device, turns));
  let failure: GorpError | undefined;
  const lost = new Promise<never>((_, reject) => {
    void device.lost.then((info) => {
      if (info.reason !== 'destroyed') lostDevices.push(device);
      failure = new GorpError(
        'device/lost',
        `The GPU device was lost${info.message ? `: ${info.message}` : ''} (reason: ${info.reason}).`,
        'Start again. If it happens again, close other tabs that use the GPU or choose a smaller batch.',
      );
      reject(failure);
    });
  });
  // A bug here or in a driver: continuing would silently compute garbage.
  device.onuncapturederror = ({ error }) => {
    failure ??= new GorpError(
      'device/invalid-operation',
      `The GPU refused an operation: ${error.message}`,
      'Start again. If it happens again, please report it with the name of the graphics card.',
    );
  };
  lost.catch(() => undefined); // reported to those who await it
  return {
    device,
    facts: factsOf(adapter),
    immediateBytes: hasImmediates ? device.limits.maxImmediateSize : 0,
    buffers,
    pipelines: new PipelineCache(device),
    tuning: new Tuning(isSoftware(adapter)),
    answers: new Answers(device.queue),
    turns,
    lost,
    check: () => {
      if (failure !== undefined) throw failure;
    },
    destroy: async () => {
      await turns.idle();
      buffers.destroyAll();
      device.destroy();
    },
  };
}

// Milliseconds between two empty submits.
const NUDGE = 8;

/**
 * Delivers the device's answers promptly. Firefox polls only every 100 ms and at every submit, so this submits empty
 * work while somebody waits for an answer.
 */
export class Answers {
  readonly #queue: Pick<GPUQueue, 'submit'>;
  #waiting = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(queue: Pick<GPUQueue, 'submit'>) {
    this.#queue = queue;
  }

  /** Waits for an answer of the device, which arrives promptly meanwhile. */
  async of<T>(answer: Promise<T>): Promise<T> {
    this.#waiting++;
    this.#timer ??= setInterval(() => this.#queue.submit([]), NUDGE);
    try {
      return await answer;
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
    }
  }
}
