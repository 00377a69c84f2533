import plain from '../../build/wasm/plain.wasm?url';
import plainShared from '../../build/wasm/plain-shared.wasm?url';
import relaxed from '../../build/wasm/relaxed.wasm?url';
import relaxedShared from '../../build/wasm/relaxed-shared.wasm?url';
import { GorpError } from '../base/errors.ts';
import type { WasmBuild } from '../device/wasm/build.ts';
import type { ThreadStart } from '../device/wasm/thread.mjs';
import type { WasmHost } from '../device/wasm/wasm-device.ts';
import type { ThreadAnswer, ThreadRequest } from './protocol.ts';

declare const self: DedicatedWorkerGlobalScope;

/** More threads than this gain little: they wait for the same memory. */
const MAX_THREADS = 8;

const FILES: Readonly<Record<WasmBuild, string>> = {
  plain,
  relaxed,
  'plain-shared': plainShared,
  'relaxed-shared': relaxedShared,
};

/** One thread per core. */
export const defaultThreads = (): number => Math.min(MAX_THREADS, navigator.hardwareConcurrency);

/** The kernels from the app's own origin, and threads that the page starts. @param count threads that compute. */
export const browserWasmHost = (count = defaultThreads()): WasmHost => ({
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

/**
 * Asks the page to start a thread: a child of this worker could prevent it from ending. The thread ends itself on
 * request.
 */
function startThread(start: ThreadStart): Promise<{ terminate(): void }> {
  const { port1: answers, port2: port } = new MessageChannel();
  const request: ThreadRequest = { type: 'start-thread', start, port };
  return new Promise((resolve, reject) => {
    answers.onmessage = ({ data: fault }: MessageEvent<ThreadAnswer>) => {
      answers.close();
      if (fault === null) resolve({ terminate: () => undefined });
      else reject(new Error(fault));
    };
    self.postMessage(request, [port]);
  });
}
