import type { Report } from '../../../src/bench/bench.ts';
import { requestAdapter } from '../../../src/device/webgpu/gpu.ts';
import { openWebGpu } from '../../../src/device/webgpu/webgpu-device.ts';
import { browserWasmHost } from '../../../src/worker/wasm-host.ts';
import { type BenchEffort, openCpu, type BenchPlace, tunedDevice } from '../bench.ts';
import { type SectionName, SECTIONS } from '../sections/index.ts';
import { ortCpuMatmul } from './ort-cpu.ts';
import { ortMatmul } from './ort.ts';

/** Messages from the page to its worker: one piece of work, and the CPU time that the worker asked for. */
export type Question =
  | { readonly type: 'adapter' }
  | { readonly type: 'run'; readonly section: SectionName; readonly effort: BenchEffort }
  | { readonly type: 'cpu-ms'; readonly ms: number | null };

/** Messages from the worker to the page. */
export type PageAnswer =
  | { readonly type: 'cpu-ms?' }
  | { readonly type: 'done'; readonly result: string | Report }
  | { readonly type: 'failed'; readonly error: string };

// Measures in a worker, as the app trains in one: only there may a thread wait for others.
declare const self: DedicatedWorkerGlobalScope;

const tell = (answer: PageAnswer): void => self.postMessage(answer);
let receiveCpuMs: (ms: number | null) => void = () => undefined;

const place: BenchPlace = {
  platform: navigator.userAgent,
  clock: {
    now: () => performance.now(),
    cpuMs: () => {
      const reported = new Promise<number | null>((resolve) => (receiveCpuMs = resolve));
      tell({ type: 'cpu-ms?' });
      return reported;
    },
  },
  acquire: async (tuning) => openWebGpu(await requestAdapter(navigator.gpu), tuning),
  acquireCpu: (form) => openCpu(browserWasmHost(form.threads), form),
  readEmbedded: async (path) => {
    const response = await fetch(`${import.meta.env.BASE_URL}embedded/${path}`);
    if (!response.ok) throw new Error(`embedded/${path}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  },
  peerMatmul: ortMatmul,
  peerCpuMatmul: ortCpuMatmul,
};

async function adapter(): Promise<string> {
  const device = await tunedDevice(place);
  const { vendor, description, architecture } = device.facts;
  await device.destroy();
  return [vendor, description || architecture].filter((part) => part !== '').join(' ');
}

self.onmessage = ({ data }: MessageEvent<Question>) => {
  if (data.type === 'cpu-ms') {
    receiveCpuMs(data.ms);
    return;
  }
  const work = data.type === 'adapter' ? adapter() : SECTIONS[data.section](place, data.effort);
  work.then(
    (result) => tell({ type: 'done', result }),
    (error: unknown) =>
      tell({ type: 'failed', error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
};
