import type { ThreadAnswer, ThreadRequest } from '../worker/protocol.ts';

/**
 * The threads of a worker that computes on the CPU. The page starts them and ends them, so that none is a child of the
 * worker: in Chromium a worker never ends when the end of a child is still on its way to it, and keeps its memory.
 */
export class WorkerThreads {
  readonly #started: Worker[] = [];

  /** Starts a thread if that is what the worker has sent. @returns whether it was. */
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

  /** Ends all of them. */
  close(): void {
    for (const thread of this.#started.splice(0)) thread.terminate();
  }
}

const isRequest = (message: unknown): message is ThreadRequest =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'start-thread';
