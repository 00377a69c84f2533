import * as v from 'valibot';
import { type ErrorReport, GorpError, reportOf } from '../base/errors.ts';
import { WorkerThreads } from './worker-threads.ts';

/** A worker seen from the page. */
export interface WorkerClient<Command> {
  /** Starts the worker when there is none: at the first command, and at the first after it has ended. */
  readonly send: (command: Command) => void;
  /** Ends the worker with all it holds, its threads and the GPU's memory too. Nothing comes from it afterwards. */
  readonly close: () => void;
}

export interface WorkerListener<Message> {
  /** The worker as the subject of a sentence: `The training worker`. */
  readonly name: string;
  /** What the person can do when it has stopped. */
  readonly nextStep: string;
  readonly onMessage: (message: Message) => void;
  /** It stopped, or sent what the page cannot read or understand. It has been ended. */
  readonly onFault: (error: ErrorReport) => void;
}

/**
 * A client of a Web Worker, whose messages are checked: after an update of the site, page and worker can be of different
 * versions.
 *
 * @param start makes the worker; `new Worker(new URL(…))` has to be written out there, for the bundler to find it.
 * @param schema of what it sends.
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
