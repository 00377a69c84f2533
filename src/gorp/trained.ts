import { GorpError } from '../base/errors.ts';
import type { Matrix } from './matrix.ts';
import type { MethodState } from './method-plan.ts';

/** The adapter of a layer: the pairs of all tasks so far, concatenated. */
export interface TrainedAdapter {
  layer: string;
  out: number;
  inputs: number;
  /** R: the sum of the ranks of all pairs. */
  rank: number;
  /** A [R, in] and B [out, R], row-major; read from the GPU on demand. */
  A: () => Promise<Float32Array<ArrayBuffer>>;
  B: () => Promise<Float32Array<ArrayBuffer>>;
}

/** The weights of a layer trained full-rank. */
export interface TrainedWeights {
  layer: string;
  out: number;
  inputs: number;
  /** W [out, in]; read from the GPU on demand. */
  read: () => Promise<Float32Array<ArrayBuffer>>;
}

/**
 * What a learner has after a task, layer by layer (names without `.weight`). Nothing is copied before it is read; read
 * it before the next task begins.
 */
export interface Trained {
  /** Tasks learned, and optimizer steps taken in all of them. */
  tasks: number;
  optimizerSteps: number;
  /** s, the factor of B A. */
  scaling: number;
  adapters: TrainedAdapter[];
  weights: TrainedWeights[];
  /** S [dimension, k] of every projected tensor. */
  spaces: Map<string, Matrix>;
  /** Main directions [dimension, any] of each learned task, by projected tensor. */
  directions: Map<string, readonly Matrix[]>;
  /** The method's own state. */
  state: MethodState;
}

/** What a learner resumes from, saved from {@link Trained}: names are layers; undefined means not saved. */
export interface SavedTraining {
  tasks: number;
  optimizerSteps: number;
  /** A [R, in] and B [out, R]. */
  adapter(layer: string): Promise<{ A: Matrix; B: Matrix } | undefined>;
  /** W − W₀ [out, in]. */
  delta(layer: string): Promise<Matrix | undefined>;
  space(layer: string): Promise<Matrix | undefined>;
  /** @param task from 1. */
  directions(layer: string, task: number): Promise<Matrix | undefined>;
  /** The method's own state. @throws GorpError `run/bad-round` if it is missing. */
  state(): Promise<MethodState>;
}

/** A saved matrix, checked. @throws GorpError `run/round-does-not-fit` if it is missing or its size differs. */
export function fitting(what: string, saved: Matrix | undefined, rows: number, columns: number | null): Matrix {
  if (saved?.rows === rows && (columns === null || saved.columns === columns)) return saved;
  const found = saved === undefined ? 'not saved' : `saved as [${saved.rows}, ${saved.columns}]`;
  throw new GorpError(
    'run/round-does-not-fit',
    `${what} is ${found}, but this run needs [${rows}, ${columns ?? 'any number'}].`,
    'Resume with the model, the method and the ranks of the round.',
  );
}
