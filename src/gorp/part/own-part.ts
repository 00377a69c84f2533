import { GorpError } from '../../base/errors.ts';
import type { Part } from './part.ts';

/** The members of a {@link Part}; the type keeps the list whole. */
const MEMBERS: Readonly<Record<keyof Part, true>> = {
  ...{
    trainable: true,
    groups: true,
    furtherGradients: true,
    learningRate: true,
    trains: true,
    weight: true,
    ofGradient: true,
    forward: true,
  },
  ...{
    scales: true,
    objective: true,
    clearGradients: true,
    recordTerms: true,
    recordSquares: true,
    recordUpdate: true,
    gap: true,
    beginHalf: true,
  },
  ...{
    recordTurn: true,
    hasUnmerged: true,
    trained: true,
    recordMerge: true,
    merged: true,
    beginTask: true,
    resumeTask: true,
    readsInputsAtBegin: true,
  },
  ...{
    beginWithInputs: true,
    endTask: true,
    endWithInputs: true,
    protect: true,
    remember: true,
    remembered: true,
    storedBytes: true,
    savedBytes: true,
    hostBytes: true,
  },
  reserve: true,
  reserveMeasuring: true,
  destroy: true,
  state: true,
  restore: true,
};

/**
 * A part of a plugin, whose errors name it: a function that throws ends the run with `plugin/failed`.
 *
 * @param opened what the plugin's function gave.
 * @throws GorpError `plugin/failed` if that is no part, or has members that no part has: a misspelled name would be ignored.
 */
export function guardedPart(opened: unknown): Part {
  if (typeof opened !== 'object' || opened === null) throw failed('is not an object');
  const unknown = membersOf(opened).find((name) => !Object.hasOwn(MEMBERS, name));
  if (unknown !== undefined) {
    throw failed(
      `has ${unknown}, which no part has; functions for its own use stand outside or are private (#${unknown})`,
    );
  }
  return new Proxy<Part>(opened, {
    get: (part, name) => {
      const value: unknown = Reflect.get(part, name, part);
      return typeof value === 'function'
        ? guarded(String(name), (...given): unknown => Reflect.apply(value, part, given))
        : value;
    },
  });
}

type Operation = (...given: unknown[]) => unknown;

function guarded(name: string, run: Operation): Operation {
  const explain = (cause: unknown): never => {
    if (cause instanceof GorpError) throw cause;
    throw failed(`failed in ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  };
  return (...given) => {
    try {
      const result = run(...given);
      return result instanceof Promise ? result.catch(explain) : result;
    } catch (cause) {
      return explain(cause);
    }
  };
}

/** The names of an object's own members, and of the methods of its class. */
function membersOf(opened: object): string[] {
  const prototype = Object.getPrototypeOf(opened) as object | null;
  const methods = prototype === null || prototype === Object.prototype ? [] : Object.getOwnPropertyNames(prototype);
  return [...Object.keys(opened), ...methods].filter((name) => name !== 'constructor');
}

const failed = (what: string, cause?: unknown): GorpError =>
  new GorpError(
    'plugin/failed',
    `The part of a plugin’s method ${what}.`,
    'Mend the plugin, or train with another method.',
    {
      cause,
    },
  );
