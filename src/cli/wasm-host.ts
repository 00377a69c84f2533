import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { wasmAbilities, type WasmBuild } from '../device/wasm/build.ts';
import type { ThreadStart } from '../device/wasm/thread.mjs';
import type { WasmHost } from '../device/wasm/wasm-device.ts';

/** More threads than this gain little: they wait for the same memory. */
const MAX_THREADS = 8;

/** What a thread runs first. It is text, since Node's threads start from files, which a bundle may lack. */
const THREAD = `
const { workerData, parentPort } = require('node:worker_threads');
import(workerData.file).then(({ serve }) => serve(workerData.start, () => parentPort.postMessage('ready')));
`;

const compiled = new Map<WasmBuild, Promise<WebAssembly.Module>>();

/** The kernels from disk, and Node's threads. @param count threads that compute; one per core by default. */
export function nodeWasmHost(count = Math.min(MAX_THREADS, availableParallelism())): WasmHost {
  // Node 20 needs a flag for fused multiply-add; it applies to modules compiled later.
  if (!wasmAbilities().relaxed) setFlagsFromString('--experimental-wasm-relaxed-simd');
  const folder = findKernels(dirname(fileURLToPath(import.meta.url)));
  const file = pathToFileURL(join(folder, 'thread.mjs')).href;
  return {
    compile: (build) => {
      const module = compiled.get(build) ?? readFile(join(folder, `${build}.wasm`)).then((b) => WebAssembly.compile(b));
      compiled.set(build, module);
      return module;
    },
    threads: { count, start: (start) => startThread(file, start) },
  };
}

function startThread(file: string, start: ThreadStart): Promise<{ terminate(): void }> {
  const worker = new Worker(THREAD, { eval: true, workerData: { file, start } });
  return new Promise((resolve, reject) => {
    worker.once('message', () => {
      worker.unref(); // it does not delay the end of the process
      resolve({ terminate: () => void worker.terminate() });
    });
    worker.once('error', reject);
  });
}

/** The folder with the kernels: next to the program in a package, in `build` in a checkout. */
function findKernels(from: string): string {
  for (const folder of [join(from, 'wasm'), join(from, 'build', 'wasm')])
    if (existsSync(join(folder, 'thread.mjs'))) return folder;
  const above = dirname(from);
  if (above === from) throw new Error('The WebAssembly kernels are missing: run "npm run build:wasm".');
  return findKernels(above);
}
