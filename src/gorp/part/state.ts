import { GorpError } from '../../base/errors.ts';
import { type Matrix, matrix } from '../../linear-algebra/matrix.ts';
import type { RememberedExample } from './method-plan.ts';

/** Numbers in the type of their origin: f32 on a device, f64 on the host. Saving rounds nothing. */
type StateNumbers = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** A matrix of a learner's state, row-major. */
export interface StateMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: StateNumbers;
}

/**
 * The file that a tensor is saved in: the adapters in training, as PEFT reads them; the weights of layers trained
 * full-rank, under the names of the model; what earlier tasks left, which no step changes; and what a step passes to the
 * next.
 */
export type StatePlace = 'adapter' | 'weights' | 'earlier' | 'step';

/** A tensor of a learner's state. Its owner chooses the name; nothing is copied before it is read. */
export interface StateTensor extends Omit<StateMatrix, 'data'> {
  readonly name: string;
  readonly place: StatePlace;
  readonly dtype: 'F32' | 'F64';
  readonly read: () => Promise<StateNumbers>;
}

/** A tensor on the device: read to save the state, and written to resume it. */
export interface DeviceTensor extends StateTensor {
  readonly dtype: 'F32';
  write(values: Float32Array<ArrayBuffer>): void;
}

/** A learner's progress, as plain data. */
export interface SavedProgress {
  /** Number of tasks begun. */
  task: number;
  /** Steps of this task, and of all. */
  step: number;
  totalSteps: number;
  /** Whether a task has begun and not ended. */
  training: boolean;
  /** Whether the spaces of inputs hold what the model could do before the first task. */
  isProtected: boolean;
  /** Whether projections hold changes not yet merged into the weights. */
  isUnmerged: boolean;
  /** Factors of the learning rates of adapters and of full-rank weights in this task. */
  rateFactors: readonly [lora: number, full: number];
  /** Whether projections held unmerged changes at the step whose weights are kept; absent if none are kept. */
  kept?: { readonly isUnmerged: boolean };
  /** Examples that the method remembers. */
  examples: readonly RememberedExample[];
}

/**
 * All that the rest of a run depends on, apart from its model, method and seed. Within a task this is what the next
 * step needs; between two tasks it is the smaller part that the next task needs.
 */
export interface LearnerState {
  readonly progress: SavedProgress;
  readonly tensors: readonly StateTensor[];
  /** Two states of one learner with the same version of a place have the same tensors there. */
  readonly versions: Readonly<Record<StatePlace, string>>;
}

/** The tensors of a saved state. */
export interface SavedTensors {
  readonly names: readonly string[];
  /** Undefined if no tensor has the name. */
  read(name: string): Promise<StateMatrix | undefined>;
}

/** A saved {@link LearnerState}. */
export interface SavedState {
  readonly progress: SavedProgress;
  readonly tensors: SavedTensors;
}

/** A part of a learner that saves and restores its own tensors. */
export interface StateOwner {
  /** @param training whether a task has begun and not ended: else only what the next task needs. */
  state(training: boolean): StateTensor[];
  /** Restores what {@link state} gave. @throws GorpError `run/state-does-not-fit`. */
  restore(saved: SavedTensors, progress: SavedProgress): Promise<void>;
}

/** Names of an adapter's matrices, and of a layer's weights, in a state. */
export const adapterTensor = (layer: string, part: 'lora_A' | 'lora_B'): string => `${layer}.${part}.weight`;
export const weightTensor = (layer: string): string => `${layer}.weight`;
/** Name of the frozen part of an adapter's matrix within a task. */
export const frozenTensor = (tensor: string): string => `frozen/${tensor}`;

/** A matrix of the host, whose values are of type `dtype`. */
export function hostTensor(name: string, { rows, columns, data }: Matrix, dtype: 'F32' | 'F64' = 'F32'): StateTensor {
  const read = (): StateNumbers => (dtype === 'F32' ? Float32Array : Float64Array).from(data);
  return { name, place: 'earlier', dtype, rows, columns, read: () => Promise.resolve(read()) };
}

/** Writes saved tensors to the device. @throws GorpError `run/state-does-not-fit`. */
export async function restoreTensors(tensors: readonly DeviceTensor[], saved: SavedTensors): Promise<void> {
  for (const tensor of tensors) tensor.write(await readSaved(saved, tensor));
}

/** A saved f32 tensor of a known size. @throws GorpError `run/state-does-not-fit`. */
export async function readSaved(
  saved: SavedTensors,
  { name, rows, columns }: Pick<StateTensor, 'name' | 'rows' | 'columns'>,
): Promise<Float32Array<ArrayBuffer>> {
  const found = await saved.read(name);
  if (found?.rows === rows && found.columns === columns && found.data instanceof Float32Array) return found.data;
  throw doesNotFit(name, found, `[${rows}, ${columns}]`);
}

/** A saved matrix of the host, of either type, with any number of columns. @throws GorpError `run/state-does-not-fit`. */
export async function readHostMatrix(saved: SavedTensors, name: string, rows: number): Promise<Matrix> {
  const found = await saved.read(name);
  if (found?.rows === rows) return matrix(rows, found.columns, Float64Array.from(found.data));
  throw doesNotFit(name, found, `[${rows}, any number]`);
}

function doesNotFit(name: string, found: StateMatrix | undefined, needed: string): GorpError {
  const what = found === undefined ? 'not saved' : `saved as [${found.rows}, ${found.columns}]`;
  return new GorpError(
    'run/state-does-not-fit',
    `The saved state does not fit this run: ${name} is ${what}, but this run needs ${needed}.`,
    'Resume with the model, the method and the ranks of the run that saved it, or start a new run.',
  );
}
