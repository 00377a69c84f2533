import { DAWN_OPTIONS } from '../cli/node-device.ts';
import { nodeWasmHost } from '../cli/wasm-host.ts';
import type { Device } from '../device/device.ts';
import { WasmDevice } from '../device/wasm/wasm-device.ts';
import { type Gpu, openAdapter, requestAdapter } from '../device/webgpu/gpu.ts';
import type { MatmulVariant } from '../device/webgpu/kernels/matmul-variants.ts';
import { Pace, type Paced, type Place, type Slice } from '../device/webgpu/pace.ts';
import { openWebGpu, WebGpuDevice } from '../device/webgpu/webgpu-device.ts';

/** WebGPU of Deno, which is wgpu, where the tests run there; else Dawn's, the npm package `webgpu`. */
async function openInstance(): Promise<GPU> {
  if ('Deno' in globalThis) return navigator.gpu;
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  return create(DAWN_OPTIONS);
}

// Kept for the life of the process: Dawn crashes when its instance is collected before its devices.
const instance = await openInstance();

/**
 * A device, for tests of WGSL and of what belongs to WebGPU. It measures no kernels, and submits every call in two pieces, so
 * that what is tested of a kernel holds of its pieces. Its absence is a failure: the test command has promised an adapter.
 * With `GORP_TEST_GPU=plain` (`npm run test:limits`) it has default limits.
 */
export const acquireTestGpu = async (): Promise<WebGpuDevice> =>
  new WebGpuDevice(await openTestGpu(), { pace: new HalvingPace() });

/** The same, which submits work by measured time, as in a run. */
export const acquirePacedGpu = async (): Promise<WebGpuDevice> => new WebGpuDevice(await openTestGpu());

async function openTestGpu(): Promise<Gpu> {
  const adapter = await requestAdapter(instance);
  return openAdapter(process.env.GORP_TEST_GPU === 'plain' ? plain(adapter) : adapter);
}

/** Cuts every call that can be cut in two, whatever it takes. */
class HalvingPace extends Pace {
  override cut<Call extends Paced>(work: readonly Call[], { call: at, piece: from }: Place): Slice<Call> {
    const call = work[at] as Call | undefined;
    if (call === undefined) return super.cut(work, { call: at, piece: from });
    const to = from > 0 || call.pieces === 1 ? call.pieces : Math.floor(call.pieces / 2);
    const next = to === call.pieces ? { call: at + 1, piece: 0 } : { call: at, piece: to };
    return { calls: [call], pieces: { from, to }, next, expected: 0, isGuess: false };
  }
}

/** WebGPU's default limits: those that kernels can use more of. */
const DEFAULT_LIMITS: Readonly<Record<string, number>> = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 2 ** 14,
};

/** An adapter that says of itself no more than WebGPU guarantees: the device has default limits and no optional feature. */
function plain(adapter: GPUAdapter): GPUAdapter {
  const { vendor, architecture, device, description } = adapter.info;
  const plainAdapter = {
    info: { vendor, architecture, device, description },
    features: new Set<string>(),
    limits: DEFAULT_LIMITS,
    requestDevice: (descriptor?: GPUDeviceDescriptor) => adapter.requestDevice(descriptor),
  };
  return plainAdapter as unknown as GPUAdapter; // the part that devices are opened by
}

/** Whether tests were asked to run where there are no optional features: wgpu in Deno, or a device of default limits. */
const LACKS_FEATURES = 'Deno' in globalThis || process.env.GORP_TEST_GPU === 'plain';

/** Whether tests of a device's own clock run: everywhere but where they were asked to do without optional features. */
export const TESTS_CLOCK = process.env.GORP_TEST_GPU !== 'plain';

/** Whether a test of kernels that need subgroups runs: everywhere but where it was asked to do without them. */
export const testsKernel = (variant: MatmulVariant): boolean => !LACKS_FEATURES || !/subgroup|padded/.test(variant);

/** As {@link acquireTestGpu}, with WebGPU's default limits and no optional feature. */
export async function acquirePlainGpu(): Promise<WebGpuDevice> {
  return new WebGpuDevice(await openAdapter(plain(await requestAdapter(instance))));
}

/** The same, which chooses its kernels by measurement as a run does. It remembers nothing of an earlier start. */
export async function acquireMeasuringGpu(): Promise<WebGpuDevice> {
  const store = { read: () => Promise.resolve(undefined), write: () => Promise.resolve() };
  return openWebGpu(await requestAdapter(instance), { now: () => performance.now(), store, platform: 'test' });
}

/** The CPU with one thread: tests run beside each other. */
export const acquireTestWasm = (): Promise<WasmDevice> => WasmDevice.open(nodeWasmHost(1));

/** The quickest device, for tests of everything above kernels. */
export const acquireTestDevice = (): Promise<Device> => acquireTestWasm();

/** Every kind of device, for tests of kernels: all of them must compute the same. */
export const TEST_DEVICES: readonly { readonly name: string; readonly acquire: () => Promise<Device> }[] = [
  { name: 'WebGPU', acquire: acquireTestGpu },
  { name: 'WebAssembly', acquire: acquireTestWasm },
];

/** The same device, said to allow fewer bytes in one buffer. */
export const limitedDevice = (device: Device, bytes: number): Device => ({
  ...{ facts: device.facts, buffers: device.buffers, planner: device.planner, lost: device.lost },
  limits: { ...device.limits, buffer: bytes },
  write: (buffer, offset, values) => device.write(buffer, offset, values),
  clear: (buffer) => device.clear(buffer),
  record: (name, plan) => device.record(name, plan),
  run: (programs, copies) => device.run(programs, copies),
  read: (range) => device.read(range),
  allowHalves: (allowed) => device.allowHalves(allowed),
  check: () => device.check(),
  settle: () => device.settle(),
  breakOnPurpose: () => device.breakOnPurpose(),
  destroy: () => device.destroy(),
});
