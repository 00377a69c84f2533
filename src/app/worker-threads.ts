import type { ThreadAnswer, ThreadRequest } from '../worker/protocol.ts';

/**
 * The threads of a worker that computes on the CPU. The page starts and ends them, so that none is a child of the worker:
 * in Chromium, a worker whose child ends just before it may never end itself, and never frees its memory.
 */
export class WorkerThreads {
  readonly #started: Worker[] = [];

  /** Starts a thread if the message requests one. @returns whether it did. */
  take(message: unknown): boolean {
    if (!isRequest(message)) return false;
    const { start, port } = message;
    const thread = new Worker(new URL('../worker/wasm-thread.ts', import.meta.url), { type: 'module', name: 'thread' });
    const answer = (fault: ThreadAnswer): void => port.postMessage(fault);
    thread.onmessage = () => answer(null);
    thread.onerror = (event) => {
      event.preventDefault(); // the device works without it
      thread.terminate();
      answer(event.message || 'it could not be loaded');
    };
    thread.postMessage(start);
    this.#started.push(thread);
    return true;
  }

  /** Ends all threads. */
  close(): void {
    for (const thread of this.#started.splice(0)) thread.terminate();
  }
}

const isRequest = (message: unknown): message is ThreadRequest =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'start-thread';
