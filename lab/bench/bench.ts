import { wasmAbilities } from '../../src/device/wasm/build.ts';
import { WasmDevice, type WasmHost } from '../../src/device/wasm/wasm-device.ts';
import type { WebGpuDevice } from '../../src/device/webgpu/webgpu-device.ts';
import type { TuningHost } from '../../src/device/webgpu/tune.ts';
import { type Bench, memoryStore, type Report, type Scope } from '../../src/bench/bench.ts';
import type { OwnedContender } from '../../src/bench/product.ts';
import type { Clock } from '../../src/bench/timing.ts';

/** Where sections run: a page of a browser, or Node. */
export interface BenchPlace {
  readonly clock: Clock;
  /** Names browser or Node, with the version. */
  readonly platform: string;
  /** A new device for each caller, so that peak memory and the first step are the caller's own. */
  acquire(tuning: TuningHost): Promise<WebGpuDevice>;
  acquireCpu(form: CpuForm): Promise<WasmDevice>;
  /** A file below `public/embedded`. */
  readEmbedded(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Another library's product of [M, K] and [K, N], where it runs. */
  peerMatmul?(M: number, K: number, N: number): Promise<OwnedContender>;
  /** Another library's product on the CPU, where it runs. */
  peerCpuMatmul?(M: number, K: number, N: number): Promise<OwnedContender>;
}

/** How the CPU computes. */
export interface CpuForm {
  readonly threads: number;
  /** Without relaxed SIMD, even where the engine has it. */
  readonly plain?: boolean;
}

/** Opens the CPU in the requested form. */
export function openCpu(host: WasmHost, { plain = false }: CpuForm): Promise<WasmDevice> {
  const abilities = wasmAbilities();
  return WasmDevice.open(host, { ...abilities, relaxed: abilities.relaxed && !plain });
}

/** How thoroughly to measure. */
export interface BenchEffort {
  /** Turns per contender. */
  readonly rounds: number;
  /** Few shapes and examples. */
  readonly quick: boolean;
  /** Only models whose name contains this; all if undefined. Sections with one model ignore it. */
  readonly model?: string | undefined;
}

export type Section = (place: BenchPlace, effort: BenchEffort) => Promise<Report>;

/** A device that chooses its kernels by measurement. Devices that share a store share its measurements. */
export function tunedDevice(place: BenchPlace, store = memoryStore()): Promise<WebGpuDevice> {
  return place.acquire({ now: () => place.clock.now(), store, platform: place.platform });
}

/** A place's graphics adapter, to be measured. */
export const benchOf = (place: BenchPlace, scope: Scope): Bench => ({
  clock: place.clock,
  scope,
  open: (store) => tunedDevice(place, store),
  readEmbedded: (path) => place.readEmbedded(path),
});
