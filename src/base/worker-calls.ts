import { type ErrorReport, reportOf } from './errors.ts';

// The one way in which the page and its workers talk. The page calls functions of a worker by name; each takes one
// argument and resolves or rejects once. Besides, a worker tells events. A worker first says its version, so that
// nothing else has to be checked: page and worker of one version have the same types.

/** The functions of a worker, by name. */
export type Functions = Record<string, (argument: never) => unknown>;

/** Functions that take a command each, named after its type. */
export type FunctionsFor<Command extends { type: string }, Result = void> = {
  [Type in Command['type']]: (command: Extract<Command, { type: Type }>) => Result | Promise<Result>;
};

export interface Call {
  readonly call: number;
  readonly name: string;
  readonly argument: unknown;
}

export type FromWorker<Event> =
  | { readonly version: string }
  | { readonly event: Event }
  | { readonly call: number; readonly result: unknown }
  | { readonly call: number; readonly error: ErrorReport };

/** The worker's end. */
interface Scope {
  onmessage: ((message: MessageEvent<Call>) => unknown) | null;
  postMessage(message: unknown): void;
}

/** Answers the page's calls. A {@link GorpError} crosses with its code, cause and next step. */
export function serve(scope: Scope, version: string, functions: Functions): void {
  scope.onmessage = async ({ data: { call, name, argument } }) => {
    try {
      scope.postMessage({ call, result: await functions[name](argument as never) });
    } catch (thrown) {
      scope.postMessage({ call, error: reportOf(thrown) });
    }
  };
  scope.postMessage({ version });
}

/** Returns the function by which a worker tells its events. */
export const teller =
  <Event>(scope: Pick<Scope, 'postMessage'>) =>
  (event: Event): void =>
    scope.postMessage({ event });

/** Makes functions of a worker run one after another, in the order of their calls. */
export function inTurn(): <Argument, Result>(
  work: (argument: Argument) => Result | Promise<Result>,
) => (argument: Argument) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => (argument) => {
    const done = last.then(() => work(argument));
    last = done.catch(() => undefined);
    return done;
  };
}
