import { BrokenDownload, stalled } from './response-checks.ts';

/** How long to wait for a server, and how often to try again. */
export interface Patience {
  /** Gives up a connection after this many milliseconds without a byte. */
  stallMs: number;
  /** Milliseconds before each retry. Gives up after as many fruitless retries in a row as there are entries. */
  backoffMs: readonly number[];
}

/** Retries for half a minute: a machine that wakes up may be offline for that long. */
export const PATIENCE: Patience = { stallMs: 30_000, backoffMs: [1000, 3000, 8000, 20_000] };

/** One request. Ends when the user stops it or when no data arrives for too long. */
export class Connection {
  readonly #url: string;
  readonly #stallMs: number;
  readonly #stopped: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #stop = (): void => this.#controller.abort(this.#stopped?.reason);

  constructor(url: string, stallMs: number, stopped: AbortSignal | undefined) {
    this.#url = url;
    this.#stallMs = stallMs;
    this.#stopped = stopped;
    stopped?.addEventListener('abort', this.#stop);
    if (stopped?.aborted === true) this.#stop();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The awaited value, if it arrives in time. @throws BrokenDownload `weights/stalled`. */
  async within<T>(awaited: Promise<T>, bytes: number): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let onAbort = (): void => undefined;
    const ended = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(stalled(this.#url, bytes, this.#stallMs / 1000)), this.#stallMs);
      onAbort = () => reject(new Error('The request was ended.'));
      this.signal.addEventListener('abort', onAbort);
    });
    try {
      return await Promise.race([awaited, ended]);
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener('abort', onAbort);
    }
  }

  /** Aborts the request if it is still running. */
  close(): void {
    this.#stopped?.removeEventListener('abort', this.#stop);
    this.#controller.abort();
  }
}

/**
 * Retries broken downloads until they are stopped or patience runs out. A try that gets further than all earlier ones
 * resets the count.
 *
 * @param reached how far the tries have come.
 * @throws whatever the last try threw. Anything but a {@link BrokenDownload} is thrown at once.
 */
export async function patiently<T>(
  attempt: () => Promise<T>,
  { backoffMs }: Patience,
  signal: AbortSignal | undefined,
  reached: () => number = () => 0,
): Promise<T> {
  let furthest = reached();
  for (let vainTries = 0; ;) {
    try {
      return await attempt();
    } catch (thrown) {
      if (!(thrown instanceof BrokenDownload) || signal?.aborted === true) throw thrown;
      if (reached() > furthest) vainTries = 0;
      furthest = Math.max(furthest, reached());
      if (vainTries === backoffMs.length) throw thrown;
      await pause(backoffMs[vainTries++], signal);
    }
  }
}

/** Waits until the time is up or the signal aborts. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
