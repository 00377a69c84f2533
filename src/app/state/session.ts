import { errorOf, type ErrorReport, GorpError, reportOf } from '../../base/errors.ts';
import { versionText } from '../../base/version.ts';
import type { FromWorker, Functions } from '../../base/worker-calls.ts';
import type { ThreadAnswer, ThreadRequest } from '../../worker/protocol.ts';

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
    const thread = new Worker(new URL('../../worker/wasm-thread.ts', import.meta.url), {
      type: 'module',
      name: 'thread',
    });
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

/** The page's view of a worker with these functions. */
export interface WorkerClient<F extends Functions> {
  /**
   * Calls a function of the worker, and starts the worker if none is running.
   *
   * @returns what the function returns. Rejects with a GorpError if it throws, or if the worker stops.
   */
  readonly call: <Name extends keyof F & string>(
    name: Name,
    argument: Parameters<F[Name]>[0],
  ) => Promise<Awaited<ReturnType<F[Name]>>>;
  /** Ends the worker and its threads, and frees its memory, including the GPU's. Nothing arrives afterwards. */
  readonly close: () => void;
}

interface WorkerListener<Event> {
  /** The worker as the subject of a sentence: `The training worker`. */
  readonly name: string;
  /** The next step for the person after it stopped. */
  readonly nextStep: string;
  readonly onEvent?: (event: Event) => void;
  /** Called after the worker stopped, instead of rejecting pending calls. */
  readonly onFault?: (error: ErrorReport) => void;
}

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: GorpError) => void;
}

/** @param start creates the worker; it must spell out `new Worker(new URL(…))` for the bundler to find it. */
export function connectWorker<F extends Functions, Event = never>(
  start: () => Worker,
  { name, nextStep, onEvent, onFault }: WorkerListener<Event>,
): WorkerClient<F> {
  let worker: Worker | null = null;
  const threads = new WorkerThreads();
  const pending = new Map<number, Pending>();
  let calls = 0;
  const close = (): void => {
    pending.clear();
    if (worker === null) return;
    worker.onmessage = worker.onerror = worker.onmessageerror = null;
    worker.terminate();
    threads.close();
    worker = null;
  };
  const fail = (code: 'crashed' | 'unreadable-message' | 'other-version', problem: string): void => {
    const error = new GorpError(`worker/${code}`, `${name} ${problem}.`, nextStep);
    const waiting = [...pending.values()];
    close();
    if (onFault) onFault(reportOf(error));
    else for (const { reject } of waiting) reject(error);
  };
  const receive = (message: FromWorker<Event>): void => {
    if ('version' in message) {
      if (message.version !== versionText())
        fail('other-version', `is of version ${message.version}, the page of ${versionText()}`);
    } else if ('event' in message) onEvent?.(message.event);
    else {
      const one = pending.get(message.call);
      pending.delete(message.call);
      if ('error' in message) one?.reject(errorOf(message.error));
      else one?.resolve(message.result as never);
    }
  };
  const started = (): Worker => {
    const made = start();
    made.onmessage = ({ data }: MessageEvent<FromWorker<Event>>) => {
      if (!threads.take(data)) receive(data);
    };
    made.onerror = (event) => {
      event.preventDefault();
      fail('crashed', `stopped: ${event.message || 'it could not be loaded'}`);
    };
    made.onmessageerror = () => fail('unreadable-message', 'sent something that cannot be read');
    return made;
  };
  return {
    call: (name, argument) => {
      worker ??= started();
      const call = calls++;
      worker.postMessage({ call, name, argument });
      return new Promise((resolve, reject) => pending.set(call, { resolve, reject }));
    },
    close,
  };
}

/**
 * Calls one function in a worker that lives for this call, so that canceling it frees everything.
 *
 * @returns a function that cancels the call.
 */
export function callOnce<F extends Functions, Name extends keyof F & string, Event = never>(
  start: () => Worker,
  listener: Omit<WorkerListener<Event>, 'onFault'>,
  name: Name,
  argument: Parameters<F[Name]>[0],
  onResult: (result: Awaited<ReturnType<F[Name]>>) => void,
  onError: (error: ErrorReport) => void,
): () => void {
  const { call, close } = connectWorker<F, Event>(start, listener);
  void call(name, argument)
    .finally(close)
    .then(onResult, (thrown: unknown) => onError(reportOf(thrown)));
  return close;
}

/** A worker that obeys commands. */
export interface WorkerSession<Command> {
  readonly send: (command: Command) => void;
  readonly close: () => void;
}

/**
 * A worker that obeys commands and tells events. One of them, `failed`, tells that it could not carry out a command, or,
 * without `onFault`, that it stopped.
 */
export function openSession<Command extends { type: string }, Event>(
  start: () => Worker,
  listener: WorkerListener<Event> & { onEvent: (event: Event | { type: 'failed'; error: ErrorReport }) => void },
): WorkerSession<Command> {
  const onError = (error: ErrorReport): void => listener.onEvent({ type: 'failed', error });
  const { call, close } = connectWorker<Record<string, (command: Command) => void>, Event>(start, {
    onFault: onError,
    ...listener,
  });
  const send = (command: Command): void =>
    void call(command.type, command).catch((thrown: unknown) => onError(reportOf(thrown)));
  return { send, close };
}

/** The page ends a tokenising worker after this many silent seconds; it normally reports every few milliseconds. */
export const TOKENIZER_SECONDS = 10;
