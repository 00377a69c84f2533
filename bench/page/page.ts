import { WasmDevice } from '../../src/device/wasm/wasm-device.ts';
import { requestAdapter } from '../../src/device/webgpu/gpu.ts';
import { openWebGpu } from '../../src/device/webgpu/webgpu-device.ts';
import { browserWasmHost } from '../../src/worker/wasm-host.ts';
import { type Effort, type Place, type Report, tunedDevice } from '../bench.ts';
import { SECTIONS, type SectionName } from '../sections/index.ts';
import { ortMatmul } from './ort.ts';
import { ortCpuMatmul } from './ort-cpu.ts';

declare global {
  interface Window {
    /** CPU milliseconds of the browser's processes, from the bench that has opened it. */
    browserCpuMs(): Promise<number | null>;
    gorpBench: { adapter(): Promise<string>; run(section: SectionName, effort: Effort): Promise<Report> };
  }
}

const place: Place = {
  platform: navigator.userAgent,
  clock: { now: () => performance.now(), cpuMs: () => window.browserCpuMs() },
  acquire: async (tuning) => openWebGpu(await requestAdapter(navigator.gpu), tuning),
  acquireCpu: (threads) => WasmDevice.open(browserWasmHost(threads)),
  readEmbedded: async (path) => {
    const response = await fetch(`embedded/${path}`);
    if (!response.ok) throw new Error(`embedded/${path}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  },
  peerMatmul: ortMatmul,
  peerCpuMatmul: ortCpuMatmul,
};

window.gorpBench = {
  adapter: async () => {
    const device = await tunedDevice(place);
    const { vendor, description, architecture } = device.facts;
    await device.destroy();
    return [vendor, description || architecture].filter((part) => part !== '').join(' ');
  },
  run: (section, effort) => SECTIONS[section](place, effort),
};
