import type { DeviceChoice, DeviceReason } from '../base/device-choice.ts';
import { GorpError } from '../base/errors.ts';
import type { Device, DeviceFacts, MemoryLimits } from './device.ts';
import { HEAP_BYTES, MAX_BUFFER_BYTES } from './wasm/heap.ts';
import { WasmDevice, type WasmHost } from './wasm/wasm-device.ts';
import { type Adapter, factsOf, isSoftware, requestAdapter } from './webgpu/gpu.ts';
import type { TuningHost } from './webgpu/tune.ts';
import { openWebGpu } from './webgpu/webgpu-device.ts';

/** The device chosen for a run, before it is opened. */
export interface ChosenDevice {
  readonly kind: DeviceFacts['kind'];
  readonly why: DeviceReason;
  readonly limits: MemoryLimits;
  /** Set for WebGPU. */
  readonly adapter?: Adapter;
}

/** The parts that devices need from the host environment. */
export interface DeviceHost {
  /** `navigator.gpu`, or Dawn's in Node. @throws GorpError when it should exist but cannot be loaded. */
  webgpu(): Promise<GPU | undefined>;
  readonly tuning: TuningHost;
  readonly wasm: WasmHost;
  /** Share of the time that a graphics card may be busy, above 0; 1 by default. */
  readonly gpuShare?: number;
}

const cpu = (why: DeviceReason): ChosenDevice => ({
  kind: 'wasm',
  why,
  limits: { buffer: MAX_BUFFER_BYTES, total: HEAP_BYTES },
});

function gpu(adapter: Adapter, why: DeviceReason): ChosenDevice {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const buffer = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  return { kind: 'webgpu', why, limits: { buffer, total: null }, adapter };
}

/**
 * Chooses a graphics card if there is one, else the CPU, unless the user decides otherwise. Opens nothing.
 *
 * @throws GorpError `gpu/…` when a GPU is required but missing.
 */
export async function chooseDevice(choice: DeviceChoice, webgpu: DeviceHost['webgpu']): Promise<ChosenDevice> {
  if (choice === 'cpu') return cpu('asked');
  if (choice === 'gpu') return gpu(await requestAdapter(await webgpu()), 'asked');
  try {
    const adapter = await requestAdapter(await webgpu());
    return isSoftware(adapter) ? cpu('software-adapter') : gpu(adapter, 'hardware');
  } catch (thrown) {
    if (!(thrown instanceof GorpError)) throw thrown;
    return cpu(thrown.code === 'gpu/no-adapter' ? 'no-adapter' : 'no-webgpu');
  }
}

/** Facts of the device if known before it is opened, which holds for graphics adapters. */
export const factsAhead = ({ adapter }: ChosenDevice): DeviceFacts | undefined => adapter && factsOf(adapter);

/** Opens the device from {@link chooseDevice}. @throws GorpError `gpu/…`, `device/no-simd`, `device/no-memory`. */
export async function openDevice(
  choice: DeviceChoice,
  host: DeviceHost,
): Promise<{ device: Device; why: DeviceReason }> {
  const { adapter, why } = await chooseDevice(choice, () => host.webgpu());
  const device = adapter ? await openWebGpu(adapter, host.tuning, host.gpuShare) : await WasmDevice.open(host.wasm);
  return { device, why };
}
