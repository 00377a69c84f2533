import { nodeWasmHost, openDawn } from '../cli/node-device.ts';
import type { Device } from '../device/device.ts';
import { WasmDevice } from '../device/wasm/wasm-device.ts';
import { type Gpu, openAdapter, requestAdapter } from '../device/webgpu/gpu.ts';
import { Pace, type Paced, type Place, type Slice } from '../device/webgpu/pace.ts';
import { openWebGpu, WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import { TESTS_ALL } from './tier.ts';

/** Deno's WebGPU (wgpu) if the tests run in Deno; else Dawn's, from the npm package `webgpu`. */
const openInstance = (): Promise<GPU> => ('Deno' in globalThis ? Promise.resolve(navigator.gpu) : openDawn());

// Held for the life of the process: Dawn crashes if its instance is collected before its devices.
const instance = await openInstance();

/**
 * Opens a device for tests of WGSL and WebGPU. It measures no kernels and submits every call in two pieces, so that
 * tests of kernels cover pieces too. Fails without a GPU, since the test command promises an adapter. With
 * `GORP_TEST_GPU=plain` (`npm run test:limits`) it has default limits.
 */
export const acquireTestGpu = async (): Promise<WebGpuDevice> =>
  new WebGpuDevice(await openTestGpu(), { pace: new HalvingPace() });

/** A device of the test's GPU that submits work by measured time, as in a run. */
export const acquirePacedGpu = async (): Promise<WebGpuDevice> => new WebGpuDevice(await openTestGpu());

async function openTestGpu(): Promise<Gpu> {
  const adapter = await requestAdapter(instance);
  return openAdapter(process.env.GORP_TEST_GPU === 'plain' ? plain(adapter) : adapter);
}

/** Cuts every divisible call in two, however short. */
class HalvingPace extends Pace {
  override cut<Call extends Paced>(work: readonly Call[], { call: at, piece: from }: Place): Slice<Call> {
    const call = work[at] as Call | undefined;
    if (call === undefined) return super.cut(work, { call: at, piece: from });
    const to = from > 0 || call.pieces === 1 ? call.pieces : Math.floor(call.pieces / 2);
    const next = to === call.pieces ? { call: at + 1, piece: 0 } : { call: at, piece: to };
    return { calls: [call], pieces: { from, to }, next, expected: 0, isGuess: false };
  }
}

/** Those of WebGPU's default limits that kernels may exceed. */
const DEFAULT_LIMITS: Readonly<Record<string, number>> = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 2 ** 14,
};

/**
 * An adapter that reports only what WebGPU guarantees: its device has default limits and no optional feature, nor the
 * language's.
 *
 * @param name to report instead of its own.
 * @param wanted features to report, as far as it has them.
 */
function plain(adapter: GPUAdapter, name?: string, wanted: readonly GPUFeatureName[] = []): GPUAdapter {
  const { vendor, architecture, device, description } = adapter.info;
  const plainAdapter = {
    info: name === undefined ? { vendor, architecture, device, description } : { description: name },
    features: new Set<string>(wanted.filter((feature) => adapter.features.has(feature))),
    limits: DEFAULT_LIMITS,
    requestDevice: (descriptor?: GPUDeviceDescriptor) => adapter.requestDevice(descriptor),
  };
  return plainAdapter as unknown as GPUAdapter; // the only parts that opening a device uses
}

/** Whether tests of a device's own clock run: unless told to do without optional features. */
export const TESTS_CLOCK = process.env.GORP_TEST_GPU !== 'plain';

/** Whether the test's GPU has immediates: Dawn does, unless it is to do without. */
export const HAS_IMMEDIATES = TESTS_CLOCK && instance.wgslLanguageFeatures.has('immediate_address_space');

/** As {@link acquireTestGpu}, with WebGPU's default limits and no optional feature. */
export async function acquirePlainGpu(): Promise<WebGpuDevice> {
  return new WebGpuDevice(await openAdapter(plain(await requestAdapter(instance))));
}

/**
 * A device with the kernels for graphics cards, whatever it computes on. Like the least of cards, it has default limits
 * (16 KiB of workgroup memory) and no optional feature.
 *
 * @param features that it has too, if the adapter has them.
 */
export async function acquireCardGpu(...features: GPUFeatureName[]): Promise<WebGpuDevice> {
  return new WebGpuDevice(await openAdapter(await cardAdapter(features)), { pace: new HalvingPace() });
}

const cardAdapter = async (features: readonly GPUFeatureName[]): Promise<GPUAdapter> =>
  plain(await requestAdapter(instance), 'least graphics card', features);

/** As {@link acquireCardGpu}, but chooses kernels by measurement, as a run does, with no memory of an earlier start. */
export async function acquireMeasuringGpu(): Promise<WebGpuDevice> {
  const store = { read: () => Promise.resolve(undefined), write: () => Promise.resolve() };
  return openWebGpu(await cardAdapter([]), { now: () => performance.now(), store, platform: 'test' });
}

/** The CPU with one thread, since tests run in parallel. */
export const acquireTestWasm = (): Promise<WasmDevice> => WasmDevice.open(nodeWasmHost(1));

/** The fastest device, for tests of everything above kernels. */
export const acquireTestDevice = (): Promise<Device> => acquireTestWasm();

/** Every kind of device, for tests of kernels: all must compute the same. */
export const TEST_DEVICES: readonly { readonly name: string; readonly acquire: () => Promise<Device> }[] = [
  { name: 'WebGPU', acquire: acquireTestGpu },
  { name: 'WebAssembly', acquire: acquireTestWasm },
];

/**
 * The devices of tests that run whole steps: their kernels are tested one by one on WebGPU too, where compiling them takes
 * most of the time. `npm run test:slow` takes both.
 */
export const TESTED_DEVICES = TEST_DEVICES.filter(({ name }) => TESTS_ALL || name === 'WebAssembly');

/** Both, and the kernels for graphics cards: for tests of kernels that differ there. */
export const TEST_DEVICES_AND_CARD: typeof TEST_DEVICES = [
  ...TEST_DEVICES,
  { name: 'WebGPU as on a graphics card', acquire: () => acquireCardGpu() },
];

/** The device with some of its members replaced. */
export const deviceWith = (device: Device, changes: Partial<Device>): Device => ({
  facts: device.facts,
  limits: device.limits,
  buffers: device.buffers,
  planner: device.planner,
  lost: device.lost,
  write: (buffer, offset, values) => device.write(buffer, offset, values),
  clear: (buffer) => device.clear(buffer),
  record: (name, plan) => device.record(name, plan),
  run: (programs, copies) => device.run(programs, copies),
  read: (range) => device.read(range),
  prepare: (report) => device.prepare(report),
  allowHalves: (allowed) => device.allowHalves(allowed),
  check: () => device.check(),
  settle: () => device.settle(),
  destroy: () => device.destroy(),
  ...changes,
});

/** The device with a lower reported limit of bytes per buffer. */
export const limitedDevice = (device: Device, bytes: number): Device =>
  deviceWith(device, { limits: { ...device.limits, buffer: bytes } });
