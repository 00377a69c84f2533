// @ts-check Code of every thread of the WebAssembly device, in plain JavaScript since Node's threads load this file
// directly.
//
// Threads communicate through a block of 32-bit words in the shared memory, see `WORDS`. The thread that runs programs
// (the caller) describes a call there and opens it. Others enter while it is open, and all take chunks of its units
// until none is left. The caller then closes the call and waits for the threads inside, but not for one that slept
// through it.

/** Indices in the block. */
export const WORDS = /** @type {const} */ ({
  /** Counts calls: threads sleep on it. */
  sequence: 0,
  /** `OPEN` while a call may be entered, plus the number of threads inside. */
  state: 1,
  /** The next untaken unit. */
  next: 2,
  /** The call: index of its kernel, address of its arguments, the unit after the last, units of a chunk. */
  kernel: 3,
  args: 4,
  end: 5,
  chunk: 6,
  /** Not 0 to end the threads. */
  over: 7,
  /** Not 0 when a kernel has trapped in another thread. */
  failed: 8,
});
export const OPEN = 1 << 16;
export const BLOCK_BYTES = 64;
/** Polls before a thread sleeps: calls follow each other closely, and waking takes several microseconds. */
const LOOKS = 1000;

/**
 * @typedef {(args: number, from: number, to: number) => void} Kernel
 * @typedef {object} ThreadStart What a thread begins with.
 * @property {WebAssembly.Module} module
 * @property {WebAssembly.Memory} memory
 * @property {number} block address of the block of words
 * @property {number} scratch address of the thread's own memory
 * @property {number} scratchBytes
 */

/** Exports of the kernels' module that are not kernels. */
const SERVICES = new Set(['setScratch', 'scratchBytes', 'memory']);

/**
 * The kernels of a module in index order, which is the same in every thread.
 *
 * @param {WebAssembly.Module} module
 * @returns {string[]}
 */
export const kernelNames = (module) =>
  WebAssembly.Module.exports(module)
    .filter(({ kind, name }) => kind === 'function' && !SERVICES.has(name))
    .map(({ name }) => name);

/**
 * Creates a thread's instance.
 *
 * @param {Pick<ThreadStart, 'module' | 'memory'>} start
 * @returns {{ kernels: Kernel[], scratchBytes: number, setScratch: (address: number, bytes: number) => void }} kernels by
 *   their places.
 */
export function instantiate({ module, memory }) {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const functions = /** @type {Record<string, Function>} */ (exports);
  return {
    kernels: kernelNames(module).map((name) => /** @type {Kernel} */ (functions[name])),
    scratchBytes: functions.scratchBytes(),
    setScratch: (address, bytes) => functions.setScratch(address, bytes),
  };
}

/**
 * Computes chunks of the open call until none is left.
 *
 * @param {Int32Array} words
 * @param {readonly Kernel[]} kernels
 */
export function takeChunks(words, kernels) {
  const kernel = kernels[words[WORDS.kernel]];
  const [args, end, chunk] = [words[WORDS.args], words[WORDS.end], words[WORDS.chunk]];
  for (;;) {
    const from = Atomics.add(words, WORDS.next, chunk);
    if (from >= end) return;
    kernel(args, from, Math.min(end, from + chunk));
  }
}

/**
 * Helps with calls until told to end.
 *
 * @param {ThreadStart} start
 * @param {() => void} onReady called when the thread is ready.
 */
export function serve(start, onReady) {
  const { kernels, setScratch } = instantiate(start);
  setScratch(start.scratch, start.scratchBytes);
  const words = new Int32Array(start.memory.buffer, start.block, BLOCK_BYTES / 4);
  onReady();
  for (;;) {
    const sequence = Atomics.load(words, WORDS.sequence);
    if (Atomics.load(words, WORDS.over) !== 0) return;
    const state = Atomics.load(words, WORDS.state);
    if (state >= OPEN && Atomics.compareExchange(words, WORDS.state, state, state + 1) === state) {
      try {
        takeChunks(words, kernels);
      } catch {
        Atomics.store(words, WORDS.failed, 1);
      }
      if (Atomics.sub(words, WORDS.state, 1) === 1) Atomics.notify(words, WORDS.state);
      waitForNext(words, sequence);
    } else if (state < OPEN) waitForNext(words, sequence);
  }
}

/**
 * @param {Int32Array} words
 * @param {number} sequence the last call that the thread knows
 */
function waitForNext(words, sequence) {
  for (let look = 0; look < LOOKS; look++) if (Atomics.load(words, WORDS.sequence) !== sequence) return;
  Atomics.wait(words, WORDS.sequence, sequence);
}
