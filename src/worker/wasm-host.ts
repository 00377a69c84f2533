import plain from '../../build/wasm/plain.wasm?url';
import plainShared from '../../build/wasm/plain-shared.wasm?url';
import relaxed from '../../build/wasm/relaxed.wasm?url';
import relaxedShared from '../../build/wasm/relaxed-shared.wasm?url';
import { GorpError } from '../base/errors.ts';
import type { WasmBuild } from '../device/wasm/build.ts';
import type { ThreadStart } from '../device/wasm/thread.mjs';
import type { WasmHost } from '../device/wasm/wasm-device.ts';

/** More threads than this gain little: they wait for the same memory. */
const MAX_THREADS = 8;

const FILES: Readonly<Record<WasmBuild, string>> = {
  plain,
  relaxed,
  'plain-shared': plainShared,
  'relaxed-shared': relaxedShared,
};

/** The kernels from the app's own origin, and workers as threads. @param count threads that compute; as many as there are cores when left out. */
export const browserWasmHost = (count = Math.min(MAX_THREADS, navigator.hardwareConcurrency)): WasmHost => ({
  compile: async (build) => {
    const response = await fetch(FILES[build]).catch(() => undefined);
    if (response?.ok !== true) {
      throw new GorpError(
        'device/no-kernels',
        `The kernels for the CPU could not be loaded (${response ? `status ${response.status}` : 'no connection'}).`,
        'Check that the server of the page is running, then reload the page.',
      );
    }
    return WebAssembly.compile(await response.arrayBuffer());
  },
  threads: { count, start: startThread },
});

function startThread(start: ThreadStart): Promise<{ terminate(): void }> {
  const worker = new Worker(new URL('./wasm-thread.ts', import.meta.url), { type: 'module' });
  return new Promise((resolve, reject) => {
    // Told to end it only goes idle: it goes with its parent, which the page ends. In Chromium a worker whose child is ending
    // at the same time, by `terminate` or by `close`, may never end itself.
    worker.onmessage = () => resolve({ terminate: () => undefined });
    worker.onerror = (event) => {
      worker.terminate();
      reject(new Error(event.message));
    };
    worker.postMessage(start);
  });
}
