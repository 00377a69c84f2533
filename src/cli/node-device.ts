import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { GorpError } from '../base/errors.ts';
import type { DeviceHost } from '../device/choice.ts';
import { wasmAbilities, type WasmBuild } from '../device/wasm/build.ts';
import type { ThreadStart } from '../device/wasm/thread.mjs';
import type { WasmHost } from '../device/wasm/wasm-device.ts';
import type { TuningHost } from '../device/webgpu/tune.ts';

// In milliseconds. A pause adds at most a twentieth to a wait: none at first, then a nap of the thread, since timers are
// no finer than 1 ms, then a timer.
const [NAP, TIMER] = [0.1, 1];
const [NAPS_AFTER, TIMERS_AFTER] = [20 * NAP, 20 * TIMER];

const never = new Int32Array(new SharedArrayBuffer(4));
const napOfThread = (): void => void Atomics.wait(never, 0, 0, NAP);

type Callback = (...values: unknown[]) => void;

/** The functions that {@link pausePolling} has put in place. */
const replaced = new WeakSet<object>();

/** Dawn's callbacks are functions without a name in native code; bound functions have one. */
export const isFromDawn = (callback: Callback): boolean =>
  callback.name === '' && Function.prototype.toString.call(callback).includes('[native code]');

/**
 * Lets a process rest while it waits for Dawn. While anything is pending, Dawn's binding for Node asks the driver in every
 * turn of the event loop, through the global `setImmediate` (`AsyncRunner::ScheduleProcessEvents`). That occupies a core,
 * which software drivers need to compile and to compute. Here it asks less often the longer a wait lasts. Callbacks of
 * others are passed on.
 *
 * @param scope whose `setImmediate` is replaced, once.
 * @param isPoll whether a callback polls.
 * @param nap rests for {@link NAP}.
 */
export function pausePolling(
  scope: { setImmediate: unknown } = globalThis,
  isPoll: (callback: Callback) => boolean = isFromDawn,
  nap = napOfThread,
): void {
  const original = scope.setImmediate as (callback: Callback, ...values: unknown[]) => NodeJS.Immediate;
  if (replaced.has(original)) return;
  let isPolling = false;
  let since = 0;
  const paused = (callback: Callback, ...values: unknown[]): unknown => {
    if (!isPoll(callback)) return original(callback, ...values);
    const now = performance.now();
    // Scheduled by a poll, it continues the same wait.
    if (!isPolling) since = now;
    const poll = (): void => {
      isPolling = true;
      try {
        callback(...values);
      } finally {
        isPolling = false;
      }
    };
    const waited = now - since;
    if (waited >= TIMERS_AFTER) return setTimeout(poll, TIMER);
    if (waited >= NAPS_AFTER) nap();
    return original(poll);
  };
  // With the form for `util.promisify`.
  Object.defineProperties(paused, Object.getOwnPropertyDescriptors(original));
  replaced.add(paused);
  scope.setImmediate = paused;
}

/** More threads than this gain little: they wait for the same memory. */
const MAX_THREADS = 8;

/** The code that a thread runs first. It is text, since Node's threads start from files, which a bundle may lack. */
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

// Held for the life of the process: Dawn crashes when its instance is collected before its devices.
let dawn: GPU | undefined;

/** The runtime's own WebGPU: Deno has it, Node does not. */
const ownGpu = (): GPU | undefined => (globalThis.navigator as Partial<Navigator> | undefined)?.gpu;

/**
 * Returns the host of devices in Node: Dawn, the npm package `webgpu`, and the kernels on disk. In Deno, its own
 * WebGPU.
 */
export const nodeDevices = (tuning: TuningHost): DeviceHost => ({
  webgpu: async () => ownGpu() ?? (dawn ??= await openDawn()),
  tuning,
  wasm: nodeWasmHost(),
});

/** Loaded on demand, since the package is optional: not every platform has a build of it. */
export async function openDawn(): Promise<GPU> {
  const webgpu = await import('webgpu').catch((cause: unknown) => {
    throw new GorpError(
      'gpu/no-dawn',
      `The npm package webgpu, which gives Node a GPU, could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Install it with "npm install webgpu", or train with --device cpu.',
      { cause },
    );
  });
  Object.assign(globalThis, webgpu.globals);
  pausePolling();
  return webgpu.create([]);
}
