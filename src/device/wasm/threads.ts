import { BLOCK_BYTES, type Kernel, OPEN, takeChunks, type ThreadStart, WORDS } from './thread.mjs';

/** Starts threads in the host environment. */
export interface ThreadHost {
  /** Threads that compute at the same time, including the caller. */
  readonly count: number;
  /** Starts another thread. @returns resolves when it is ready, rejects when it cannot be started. */
  start(start: ThreadStart): Promise<{ terminate(): void }>;
}

/** Chunks of a call per thread: more of them balance the load, but each costs an atomic addition. */
const CHUNKS = 4;
/** Polls for the other threads before the caller sleeps. */
const LOOKS = 2000;
/** Seconds awake without an end of another thread's chunk, which takes a fraction of one, before it counts as gone. */
const PATIENCE = 60;

/** A thread has disappeared in the middle of a call, whose result means nothing. */
export class ThreadGone extends Error {
  override readonly name = 'ThreadGone';
}

/** The threads of a device, as used by the one that runs programs (see `thread.mjs`). */
export class Threads {
  readonly #kernels: readonly Kernel[];
  readonly #words: Int32Array;
  readonly #patience: number;
  readonly #started: { terminate(): void }[] = [];

  /**
   * @param block address of {@link BLOCK_BYTES} bytes of zeros.
   * @param patience seconds to wait for another thread.
   */
  constructor(
    memory: WebAssembly.Memory,
    readonly block: number,
    kernels: readonly Kernel[],
    patience = PATIENCE,
  ) {
    this.#patience = patience;
    this.#kernels = kernels;
    this.#words = new Int32Array(memory.buffer, block, BLOCK_BYTES / 4);
  }

  /** Threads that compute, including the caller. */
  get count(): number {
    return this.#started.length + 1;
  }

  /** Chunks that a call is shared as. */
  get chunks(): number {
    return this.count * CHUNKS;
  }

  /** Starts another thread. @returns whether it started; without it the device is slower. */
  async add(host: ThreadHost, start: ThreadStart): Promise<boolean> {
    try {
      this.#started.push(await host.start(start));
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Computes units of a call, shared among the awake threads.
   *
   * @throws WebAssembly.RuntimeError when a kernel has trapped, in any thread; ThreadGone.
   */
  share(kernel: number, args: number, from: number, to: number): void {
    const words = this.#words;
    words[WORDS.kernel] = kernel;
    words[WORDS.args] = args;
    words[WORDS.end] = to;
    words[WORDS.chunk] = Math.max(1, Math.ceil((to - from) / this.chunks));
    Atomics.store(words, WORDS.next, from);
    Atomics.store(words, WORDS.state, OPEN);
    Atomics.add(words, WORDS.sequence, 1);
    Atomics.notify(words, WORDS.sequence);
    try {
      takeChunks(words, this.#kernels);
    } finally {
      this.#close();
    }
    if (Atomics.exchange(words, WORDS.failed, 0) !== 0) {
      throw new WebAssembly.RuntimeError('a kernel has trapped in another thread');
    }
  }

  /** Closes the call and waits for the threads inside. */
  #close(): void {
    const words = this.#words;
    Atomics.and(words, WORDS.state, ~OPEN);
    let waited = 0; // second by second: a machine that sleeps does not count
    for (let look = 0; ; look++) {
      const inside = Atomics.load(words, WORDS.state);
      if (inside === 0) return;
      if (look <= LOOKS || Atomics.wait(words, WORDS.state, inside, 1000) !== 'timed-out') continue;
      if (++waited >= this.#patience) throw new ThreadGone(`a thread has not ended its work for ${waited} s`);
    }
  }

  terminate(): void {
    Atomics.store(this.#words, WORDS.over, 1);
    Atomics.add(this.#words, WORDS.sequence, 1);
    Atomics.notify(this.#words, WORDS.sequence);
    for (const thread of this.#started) thread.terminate();
    this.#started.length = 0;
  }
}
