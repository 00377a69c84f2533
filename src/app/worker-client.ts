import * as v from 'valibot';
import { type ErrorReport, GorpError, reportOf } from '../base/errors.ts';
import { WorkerThreads } from './worker-threads.ts';

/** The page's view of a worker. */
export interface WorkerClient<Command> {
  /** Sends a command. Starts the worker if none is running. */
  readonly send: (command: Command) => void;
  /** Ends the worker and its threads, and frees its memory, including the GPU's. No messages arrive afterwards. */
  readonly close: () => void;
}

export interface WorkerListener<Message> {
  /** The worker as the subject of a sentence: `The training worker`. */
  readonly name: string;
  /** What the person can do after it stopped. */
  readonly nextStep: string;
  readonly onMessage: (message: Message) => void;
  /** Called after the worker stopped, or was ended because the page could not understand a message. */
  readonly onFault: (error: ErrorReport) => void;
}

/**
 * A client of a Web Worker that checks every message, since after an update of the site page and worker may have
 * different versions.
 *
 * @param start creates the worker; it must spell out `new Worker(new URL(…))` for the bundler to find it.
 * @param schema the schema of the worker's messages.
 */
export function connectWorker<Command, Message>(
  start: () => Worker,
  schema: v.GenericSchema<unknown, Message>,
  { name, nextStep, onMessage, onFault }: WorkerListener<Message>,
): WorkerClient<Command> {
  let worker: Worker | null = null;
  const threads = new WorkerThreads();
  const close = (): void => {
    if (worker === null) return;
    worker.onmessage = worker.onerror = worker.onmessageerror = null;
    worker.terminate();
    threads.close();
    worker = null;
  };
  const fail = (error: GorpError): void => {
    close();
    onFault(reportOf(error));
  };
  const started = (): Worker => {
    const made = start();
    made.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (threads.take(data)) return;
      const parsed = v.safeParse(schema, data);
      if (parsed.success) onMessage(parsed.output);
      else fail(notUnderstood(name, nextStep, parsed.issues));
    };
    made.onerror = (event) => {
      event.preventDefault();
      fail(new GorpError('worker/crashed', `${name} stopped: ${event.message || 'it could not be loaded'}.`, nextStep));
    };
    made.onmessageerror = () =>
      fail(new GorpError('worker/unreadable-message', `${name} sent something that cannot be read.`, nextStep));
    return made;
  };
  return { send: (command) => (worker ??= started()).postMessage(command), close };
}

function notUnderstood(
  name: string,
  nextStep: string,
  issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]],
): GorpError {
  const [issue] = issues;
  const what = `${v.getDotPath(issue) ?? '(root)'}: ${issue.message}`;
  return new GorpError('worker/bad-event', `${name} sent something the page does not understand (${what}).`, nextStep, {
    cause: issues,
  });
}
